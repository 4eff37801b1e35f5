//go:build linux

package receiver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/goleak"

	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
)

// statusHost is a host that remembers what it was told.
type statusHost struct {
	component.Host
	events []*componentstatus.Event
}

func newStatusHost() *statusHost { return &statusHost{Host: componenttest.NewNopHost()} }

func (h *statusHost) Report(e *componentstatus.Event) { h.events = append(h.events, e) }

func (h *statusHost) statuses() (all []componentstatus.Status) {
	for _, e := range h.events {
		all = append(all, e.Status())
	}
	return all
}

// outsideOfClusters makes this process believe that it is in no cluster.
func outsideOfClusters(t *testing.T) {
	t.Helper()
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
}

// both makes the receiver for a metrics and a logs pipeline.
func both(t *testing.T, c *creator, config *Config) (m, l component.Component) {
	t.Helper()
	settings := receivertest.NewNopSettings(metadata.Type)
	m, err := c.metrics(t.Context(), settings, config, consumertest.NewNop())
	require.NoError(t, err)
	l, err = c.logs(t.Context(), settings, config, consumertest.NewNop())
	require.NoError(t, err)
	return m, l
}

func TestOneInstanceForEachConfiguration(t *testing.T) {
	c := newCreator()
	config := createDefaultConfig().(*Config)
	m, l := both(t, c, config)
	require.Same(t, m, l)
	other, _ := both(t, c, createDefaultConfig().(*Config))
	require.NotSame(t, m, other)
	require.NoError(t, m.Shutdown(t.Context()))
	again, _ := both(t, c, config)
	require.NotSame(t, m, again, "after its end there is a new one")
	require.NoError(t, again.Shutdown(t.Context()))
	require.NoError(t, other.Shutdown(t.Context()))
	require.Empty(t, c.instances)
}

func TestFactory(t *testing.T) {
	f := NewFactory()
	require.Equal(t, metadata.Type, f.Type())
	require.Equal(t, metadata.MetricsStability, f.MetricsStability())
	require.Equal(t, metadata.LogsStability, f.LogsStability())
	var next consumer.Logs = consumertest.NewNop()
	l, err := f.CreateLogs(t.Context(), receivertest.NewNopSettings(metadata.Type), f.CreateDefaultConfig(), next)
	require.NoError(t, err)
	require.NoError(t, l.Shutdown(t.Context()))
}

func TestShutdownBeforeStart(t *testing.T) {
	m, l := both(t, newCreator(), createDefaultConfig().(*Config))
	for range 2 {
		require.NoError(t, m.Shutdown(t.Context()))
		require.NoError(t, l.Shutdown(t.Context()))
	}
	require.ErrorIs(t, m.Start(t.Context(), componenttest.NewNopHost()), errStopped)
}

// What keeps the receiver from starting ends the collector, or is logged and reported as
// status to each pipeline; the instance tries once.
func TestCannotStart(t *testing.T) {
	outsideOfClusters(t)
	for _, mode := range []string{errorPropagate, errorIgnore} {
		t.Run(mode, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			config := createDefaultConfig().(*Config)
			config.ErrorMode = mode
			config.Kubernetes.Mode = "require"
			m, l := both(t, newCreator(), config)
			for _, pipeline := range []component.Component{m, l} {
				host := newStatusHost()
				err := pipeline.Start(t.Context(), host)
				if mode == errorPropagate {
					require.ErrorContains(t, err, "ebpfnet: kube: not in a cluster")
					require.Empty(t, host.events, "the collector reports what Start returns")
					continue
				}
				require.NoError(t, err)
				require.Equal(t, []componentstatus.Status{componentstatus.StatusPermanentError}, host.statuses())
				require.ErrorContains(t, host.events[0].Err(), "ebpfnet: kube: not in a cluster")
			}
			require.NoError(t, m.Shutdown(t.Context()))
			require.NoError(t, l.Shutdown(t.Context()))
		})
	}
}

func TestEachPipelineIsToldOfTrouble(t *testing.T) {
	var h hosts
	first, second := newStatusHost(), newStatusHost()
	h.health(context.DeadlineExceeded)
	h.add(first)
	h.health(nil)
	h.add(second)
	h.health(context.DeadlineExceeded)
	require.Equal(t, []componentstatus.Status{
		componentstatus.StatusRecoverableError, componentstatus.StatusOK, componentstatus.StatusRecoverableError}, first.statuses())
	require.Equal(t, []componentstatus.Status{componentstatus.StatusOK, componentstatus.StatusRecoverableError}, second.statuses(),
		"who comes later is told what the others know")
	require.ErrorIs(t, second.events[1].Err(), context.DeadlineExceeded)
	require.WithinDuration(t, time.Now(), second.events[1].Timestamp(), time.Minute)
}
