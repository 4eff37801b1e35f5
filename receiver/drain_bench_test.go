//go:build linux

package receiver

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// cpu is the time that this thread and all others of the process have computed.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u unix.Rusage
	require.NoError(tb, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// mallocs is how often the process has allocated.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// BenchmarkDrainToSeries measures the way of 100,000 known connections from the
// kernel's map to their series, in CPU time of the whole process.
func BenchmarkDrainToSeries(b *testing.B) {
	const records = 100_000
	node := nettest.NewNode(b, "node")
	node.AddPod(b, []string{"198.19.255.1/16"})
	config := createDefaultConfig().(*Config)
	config.Capture.MaxFlows = 2 * records
	captured, err := capture.New(config.Capture, capture.Options{NetNS: node.Path, Logger: zap.NewNop()})
	require.NoError(b, err)
	t, err := newTelemetry(receivertest.NewNopSettings(metadata.Type))
	require.NoError(b, err)
	d, err := join(config, captured, nil, "node", t, zap.NewNop())
	require.NoError(b, err)
	defer func() { require.NoError(b, d.close()) }()

	keys, values := manyFlows(records)
	fill := func() {
		_, err := captured.Current().Flows4.BatchUpdate(keys, values, nil)
		require.NoError(b, err)
	}
	fill()
	require.NoError(b, d.drain()) // the connections are known from here on
	require.Equal(b, records, d.table.Len())
	var spent time.Duration
	var allocated uint64
	for b.Loop() {
		b.StopTimer()
		fill()
		allocations := mallocs()
		b.StartTimer()
		before := cpu(b)
		err := d.drain()
		spent += cpu(b) - before
		b.StopTimer()
		require.NoError(b, err)
		allocated += mallocs() - allocations
		b.StartTimer()
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/records, "cpu-ns/record")
	b.ReportMetric(float64(allocated)/float64(b.N)/records, "allocs/record")
}

// manyFlows are TCP connections of one pod with many clients.
func manyFlows(n int) ([]bpf.Flow4Key, []bpf.Flow4) {
	keys, values := make([]bpf.Flow4Key, n), make([]bpf.Flow4, n)
	for i := range keys {
		var a, b [4]byte
		binary.BigEndian.PutUint32(a[:], 0xc6120000|uint32(i/1000))
		binary.BigEndian.PutUint32(b[:], 0xc613ff01)
		keys[i] = bpf.Flow4Key{
			A: binary.NativeEndian.Uint32(a[:]), B: binary.NativeEndian.Uint32(b[:]),
			PortA: uint16(20000 + i%1000), PortB: 80, Proto: 6,
		}
		v := &values[i]
		v.FirstNs = 1
		v.DeliveredSlot[0], v.SentSlot[1] = 1, 1
		v.Dir[0].DeliveredBytes, v.Dir[0].DeliveredPackets = 1000, 10
		v.Dir[1].SentBytes, v.Dir[1].SentPackets = 20000, 20
		v.Dir[0].TcpFlags[4], v.Dir[1].TcpFlags[4] = 16, 16
	}
	return keys, values
}
