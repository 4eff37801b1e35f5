//go:build linux

package capture

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// bridgedPods are two pods on a node's bridge: 198.18.1.2 and .3, fd00:1::2 and ::3, which know each other.
func bridgedPods(t *testing.T) (node *nettest.Node, a, b *nettest.Pod) {
	t.Helper()
	node = nettest.NewNode(t, "node")
	node.AddBridge(t, "198.18.1.1/24", "fd00:1::1/64")
	a = node.AddPod(t, []string{"198.18.1.2/24", "fd00:1::2/64"}, "198.18.1.1", "fd00:1::1")
	b = node.AddPod(t, []string{"198.18.1.3/24", "fd00:1::3/64"}, "198.18.1.1", "fd00:1::1")
	nettest.Introduce(t, a.Namespace, "eth0", []string{"198.18.1.2", "fd00:1::2"},
		b.Namespace, "eth0", []string{"198.18.1.3", "fd00:1::3"})
	return node, a, b
}

func TestEveryDatagramIsCountedOnceAtEitherSide(t *testing.T) {
	t.Parallel()
	for i, kind := range kinds(t) {
		for _, test := range []struct {
			name     string
			packets  int
			from, to string
		}{
			{"IPv4", 1_000_000, "198.18.1.2:7", "198.18.1.3:9"},
			{"IPv6", 100_000, "[fd00:1::2]:7", "[fd00:1::3]:9"},
		} {
			t.Run(kind+" "+test.name, func(t *testing.T) {
				if i > 0 {
					test.packets /= 20
				}
				test.packets = lessInVM(test.packets)
				const payload = 200
				node, a, b := bridgedPods(t)
				c, _ := open(t, node.Namespace, byHook(kind))
				s := newSums()
				listenUDP(t, b.Namespace, test.to)
				sender := dialUDP(t, a.Namespace, test.from, test.to)
				s.duringEvery(t, c, 50*time.Millisecond, func() { sender.send(test.packets, payload) })
				s.requireKernelAgrees(t, c, node.Namespace, a.HostEnd, b.HostEnd)
				s.close(t, c)
				s.requireIdentity(t)
				t.Logf("%d generations", s.drains)
				if !inVM() && test.packets >= 1_000_000 {
					require.Greater(t, s.drains, 20)
				}
				want := udpFrames(uint64(test.packets)-droppedBy(t, a), payload, test.name == "IPv6")
				got := s.between(tuple(flow.UDP, test.from, test.to))
				require.Equal(t, want, got.Sent)
				require.Equal(t, want, got.Delivered)
				// a packet that a swap falls upon, between its two sides, is the first of both generations
				require.GreaterOrEqual(t, got.Payload, want.Packets*payload)
				require.InEpsilon(t, want.Packets*payload, got.Payload, 0.01)
				require.Equal(t, a.HostEnd, got.SentIf.Name)
				require.Equal(t, b.HostEnd, got.DeliveredIf.Name)
			})
		}
	}
}

// More connections than there is room for: what has no entry is counted all the same.
func TestOverflowAndFlowsTogetherAreWhatWasSent(t *testing.T) {
	t.Parallel()
	const batch = 1000
	tuples := lessInVM(200_000)
	node, pod := pairNode(t)
	c, _ := open(t, node.Namespace, func(c *Config) { c.MaxFlows = 10_000 })
	s := newSums()
	ends := openFrames(t, pod.Namespace)
	index := pod.Link(t, "eth0").Attrs().Index
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	wakes := 0
	s.duringEvery(t, c, 100*time.Millisecond, func() {
		for i := range tuples {
			ends.sendBy(index, numbered(i))
			if i%batch == 0 {
				<-pace.C
			}
			select {
			case <-c.Wake():
				wakes++
			default:
			}
		}
	})
	s.requireKernelAgrees(t, c, node.Namespace, pod.HostEnd)
	s.close(t, c)
	s.requireIdentity(t)
	h := s.seen(pod.HostEnd, false)
	t.Logf("%d generations, %d tuples in flows, %d in overflow", s.drains, h.Flows.Packets, h.Overflow.Packets)
	require.NotZero(t, h.Overflow.Packets)
	require.Greater(t, h.Flows.Packets, uint64(10_000/8), "the quota is per generation")
	others := s.between(tuple(flow.UDP, "198.18.1.1:1", "198.18.1.2:1")) // none: nobody answers
	require.Zero(t, others.Sent.Packets)
	all := h.Flows
	all.Add(h.Overflow)
	require.Equal(t, udpFrames(uint64(tuples)-droppedBy(t, pod), 0, false), all)
}

// numbered is a datagram that no other number has the 5-tuple of, to addresses that nobody has.
func numbered(n int) []byte {
	t := tuple(flow.UDP, fmt.Sprintf("198.18.1.2:%d", 1+n%60000), fmt.Sprintf("198.18.200.%d:9", n/60000))
	return frame4(t, ports(t, udp))
}

// numberOf is the number of a datagram's tuple, -1 if it is none of those.
func numberOf(t flow.Tuple) int {
	if t.Proto != flow.UDP || !t.Dst.Is4() {
		return -1
	}
	dst := t.Dst.Netip().As4()
	if binary.BigEndian.Uint32(dst[:])>>8 != 0xc612c8 {
		return -1
	}
	return int(dst[3])*60000 + int(t.SrcPort) - 1
}
