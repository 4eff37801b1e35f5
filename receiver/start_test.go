//go:build linux

package receiver

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfnet/ebpfnetreceiver/internal/metadatatest"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// running is a receiver that captures a node of the test's, with two pods.
type running struct {
	*netReceiver
	own    *componenttest.Telemetry
	said   *observer.ObservedLogs
	client *nettest.Pod
	server *nettest.Pod
}

// start makes the node, and starts the receiver in the pipelines whose consumers are there.
func start(t *testing.T, metrics consumer.Metrics, logs consumer.Logs, adjust func(*Config)) *running {
	t.Helper()
	outsideOfClusters(t)
	node := nettest.NewNode(t, "node")
	node.AddBridge(t, "198.18.1.1/24")
	r := &running{client: node.AddPod(t, []string{"198.18.1.2/24"}, "198.18.1.1"), server: node.AddPod(t, []string{"198.18.1.3/24"}, "198.18.1.1")}
	config := createDefaultConfig().(*Config)
	config.CollectionInterval = time.Second
	config.Capture.FlushInterval = 100 * time.Millisecond
	if adjust != nil {
		adjust(config)
	}
	r.own = componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, r.own.Shutdown(context.Background())) })
	settings := metadatatest.NewSettings(r.own)
	core, said := observer.New(zap.InfoLevel)
	settings.Logger, r.said = zap.New(core), said
	c := newCreator()
	if metrics != nil {
		m, err := c.metrics(t.Context(), settings, config, metrics)
		require.NoError(t, err)
		r.netReceiver = m.(*netReceiver)
	}
	if logs != nil {
		l, err := c.logs(t.Context(), settings, config, logs)
		require.NoError(t, err)
		r.netReceiver = l.(*netReceiver)
	}
	r.netNS = node.Path
	return r
}

func (r *running) talk(t *testing.T) {
	t.Helper()
	exchange(t, r.client.Namespace, r.server.Namespace, "198.18.1.3:9000", "198.18.1.3:9000", 10)
}

// taken tells of the first message that is worth it.
func taken[T any](worth func(T) bool) (first chan struct{}, consume func(context.Context, T) error) {
	first = make(chan struct{})
	var told atomic.Bool
	return first, func(_ context.Context, message T) error {
		if worth(message) && told.CompareAndSwap(false, true) {
			close(first)
		}
		return nil
	}
}

func wait(t *testing.T, for_ <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-for_:
	case <-time.After(30 * time.Second):
		t.Fatal("no " + what)
	}
}

func TestStartsStopsAndStartsAgain(t *testing.T) {
	nettest.RequireRoot(t)
	for range 2 {
		leaks := goleak.IgnoreCurrent()
		metrics, consumeMetrics := taken(func(m pmetric.Metrics) bool { return m.DataPointCount() > 0 })
		logs, consumeLogs := taken(func(l plog.Logs) bool { return l.LogRecordCount() > 0 })
		nextMetrics, err := consumer.NewMetrics(consumeMetrics)
		require.NoError(t, err)
		nextLogs, err := consumer.NewLogs(consumeLogs)
		require.NoError(t, err)
		r := start(t, nextMetrics, nextLogs, nil)
		hosts := []*statusHost{newStatusHost(), newStatusHost()}
		for _, host := range hosts {
			require.NoError(t, r.Start(t.Context(), host))
		}
		require.Equal(t, 1, r.said.FilterMessage("capturing").Len(), "one capture for both pipelines")
		r.talk(t)
		wait(t, metrics, "metrics")
		require.NoError(t, r.Shutdown(context.Background()))
		wait(t, logs, "events: what goes on is told at shutdown")
		require.NoError(t, r.Shutdown(context.Background()), "the other pipeline's")
		for _, host := range hosts {
			require.Empty(t, host.events)
		}
		goleak.VerifyNone(t, leaks)
	}
}

func TestOnePipelineOnly(t *testing.T) {
	t.Run("metrics", func(t *testing.T) {
		first, consume := taken(func(m pmetric.Metrics) bool { return m.DataPointCount() > 0 })
		next, err := consumer.NewMetrics(consume)
		require.NoError(t, err)
		r := start(t, next, nil, nil)
		require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
		r.talk(t)
		wait(t, first, "metrics")
		require.NoError(t, r.Shutdown(context.Background()))
	})
	t.Run("logs", func(t *testing.T) {
		first, consume := taken(func(l plog.Logs) bool { return l.LogRecordCount() > 0 })
		next, err := consumer.NewLogs(consume)
		require.NoError(t, err)
		r := start(t, nil, next, func(c *Config) { c.FlowLogs.IdleTimeout = time.Second })
		require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
		r.talk(t)
		wait(t, first, "events")
		require.Zero(t, count(t, r.own, "series"), "series that nobody would collect")
		require.NoError(t, r.Shutdown(context.Background()))
	})
}

// A consumer that never answers does not hold up the drain, nor the shutdown beyond its deadline.
func TestConsumerThatNeverAnswers(t *testing.T) {
	asked := make(chan struct{}, 1000)
	next, err := consumer.NewMetrics(func(ctx context.Context, _ pmetric.Metrics) error {
		asked <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	require.NoError(t, err)
	r := start(t, next, consumertest.NewNop(), nil)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	r.talk(t)
	wait(t, asked, "metrics")
	generations := func() int64 { return count(t, r.own, "generations") }
	before := generations()
	require.Eventually(t, func() bool { return generations() > before+5 }, 30*time.Second, 50*time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
	require.Positive(t, count(t, r.own, "dropped_items"))
}

// What was begun when the start fails is undone: hooks, maps, goroutines.
func TestHalfAStartIsUndone(t *testing.T) {
	r := start(t, consumertest.NewNop(), consumertest.NewNop(), func(c *Config) { c.FlowLogs.Filter = "nonsense" })
	leaks := goleak.IgnoreCurrent()
	require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), "ebpfnet: unknown name nonsense")
	hooks, _, _ := r.capture.Attached()
	require.Empty(t, hooks)
	goleak.VerifyNone(t, leaks)
	require.NoError(t, r.Shutdown(context.Background()))
}
