//go:build linux

package receiver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

func TestStartsStopsAndStartsAgain(t *testing.T) {
	nettest.RequireRoot(t)
	f := NewFactory()
	for range 2 {
		config := f.CreateDefaultConfig().(*Config)
		metrics, logs := new(consumertest.MetricsSink), new(consumertest.LogsSink)
		settings := receivertest.NewNopSettings(metadata.Type)
		m, err := f.CreateMetrics(context.Background(), settings, config, metrics)
		require.NoError(t, err)
		l, err := f.CreateLogs(context.Background(), settings, config, logs)
		require.NoError(t, err)
		require.NoError(t, m.Start(context.Background(), componenttest.NewNopHost()))
		require.NoError(t, l.Start(context.Background(), componenttest.NewNopHost()))
		time.Sleep(2 * time.Second)
		require.NoError(t, m.Shutdown(context.Background()))
		require.NoError(t, l.Shutdown(context.Background()))
		t.Log(metrics.DataPointCount(), logs.LogRecordCount())
	}
}
