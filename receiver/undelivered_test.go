//go:build linux

package receiver

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// undelivered is what the node says was lost, by source and destination.
func (n *testNode) undelivered() map[string]uint64 {
	sums := map[string]uint64{}
	n.data.aggregator.Collect(n.data.now, func(p aggregate.Point) {
		if p.Metric == aggregate.Undelivered && p.Value > 0 {
			sums[describe(p.Series.Key.Src)+">"+describe(p.Series.Key.Dst)] += p.Value
		}
	})
	return sums
}

func (n *testNode) drain(t *testing.T, times int) {
	t.Helper()
	for range times {
		require.NoError(t, n.data.drain())
	}
}

// What a rule of the node drops between two pods is counted to the packet, in
// connections that get nothing through at all, too.
func TestPacketsThatTheNodeDropsAreUndelivered(t *testing.T) {
	c := newTestCluster(t)
	n := c.nodes[0]
	n.nft(t)
	c.capture(t, nil)
	defer func() { require.NoError(t, c.nodes[1].data.close()) }()
	const server = "198.18.1.3:9000"
	exchange(t, n.pods["a1"].Namespace, n.pods["b1"].Namespace, server, server, 10)
	n.drain(t, 5)
	require.Empty(t, n.undelivered())

	n.Exec(t, "nft add table netdev guard")
	n.Exec(t, "nft add chain netdev guard from { type filter hook ingress device "+n.pods["a1"].HostEnd+" priority 0 ; }")
	n.Exec(t, "nft add rule netdev guard from udp dport 9000 drop")
	n.pods["a1"].Do(t, func() {
		conn, err := net.Dial("udp", server)
		require.NoError(t, err)
		defer conn.Close()
		for range 7 {
			_, err := conn.Write(make([]byte, 100))
			require.NoError(t, err)
		}
	})
	n.drain(t, 3)
	require.Empty(t, n.undelivered(), "it may be on its way yet")
	n.drain(t, 2)
	require.Equal(t, map[string]uint64{"a1>b1": 7}, n.undelivered())
	require.NoError(t, n.data.close())
	require.Equal(t, map[string]uint64{"a1>b1": 7}, n.undelivered(), "and once")
}

// A connection at full speed has packets between the hooks at each swap. None is lost,
// and none is called so, not even at the end, when hooks are taken off while it runs.
func TestFullSpeedLosesNothing(t *testing.T) {
	nettest.RequireTool(t, "iperf3")
	c := newTestCluster(t)
	n := c.nodes[0]
	n.nft(t)
	c.capture(t, nil)
	defer func() { require.NoError(t, c.nodes[1].data.close()) }()
	listener := n.pods["b1"].Command("iperf3 -s -1 -B 198.18.1.3")
	require.NoError(t, listener.Start())
	defer func() { _ = listener.Process.Kill(); _ = listener.Wait() }()
	require.Eventually(t, func() bool {
		return listening(n.pods["b1"])
	}, 10*time.Second, 20*time.Millisecond)
	client := n.pods["a1"].Command("iperf3 -c 198.18.1.3 -t 3")
	require.NoError(t, client.Start())
	done := make(chan struct{})
	go func() { defer close(done); _ = client.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		<-tick.C
		n.drain(t, 1)
	}
	require.Empty(t, n.undelivered())
	require.NoError(t, n.data.close()) // while it runs
	require.Empty(t, n.undelivered())
	<-done
}

func listening(p *nettest.Pod) bool {
	out, err := p.Command("ss -Hltn sport = 5201").Output()
	return err == nil && len(out) > 0
}
