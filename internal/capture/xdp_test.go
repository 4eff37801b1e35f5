//go:build linux

package capture

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// What arrives at an uplink is the same by XDP, with the rest as it is with tc.
func TestXDPCountsWhatArrivesAsTheTCHookDoes(t *testing.T) {
	t.Parallel()
	const packets = 200
	var counts []map[flow.Key][2][2]flow.Count
	for _, hook := range []string{HookAuto, HookXDP} {
		node, pod, outside := joinedNode(t)
		c, _ := open(t, node.Namespace, byHook(hook))
		s := newSums()
		hooks, _, _ := c.Attached()
		kind := kinds(t)[0]
		want := map[AttachedKey]int{
			{flow.PodSide, kind, false}: 1, {flow.PodSide, kind, true}: 1, {flow.Uplink, kind, true}: 1, {flow.Uplink, kind, false}: 1,
		}
		if hook == HookXDP {
			delete(want, AttachedKey{flow.Uplink, kind, false})
			want[AttachedKey{flow.Uplink, HookXDP, false}] = 1
		}
		require.Equal(t, want, hooks)
		s.exchange(t, c, packets, outside, "198.18.0.254:7", node.Namespace, "198.18.0.1:9", "198.18.0.1:9")
		s.exchange(t, c, packets, outside, "198.18.0.254:8", pod.Namespace, "198.18.1.2:9", "198.18.1.2:9")
		s.exchange(t, c, packets, node.Namespace, "198.18.0.1:7", outside, "198.18.0.254:9", "198.18.0.254:9")
		s.exchange(t, c, packets, pod.Namespace, "198.18.1.2:7", outside, "198.18.0.254:10", "198.18.0.254:10")
		require.GreaterOrEqual(t, s.seen("eth0", false).Transit.Packets, uint64(packets))
		s.requireKernelAgrees(t, c, node.Namespace, pod.HostEnd)
		// of bytes it counts the Ethernet header or not, as the driver's XDP hook has them
		require.Equal(t, countersOf(node.Link(t, "eth0"))[0].Packets, s.seen("eth0", false).Seen.Packets+s.unseen("eth0", false).Packets)
		s.close(t, c)
		s.requireIdentity(t)
		requireNothingOfOurs(t, node.Namespace)
		require.Equal(t, udpFrames(packets, 100, false), s.between(tuple(flow.UDP, "198.18.0.254:7", "198.18.0.1:9")).Delivered)
		counts = append(counts, s.counts())
	}
	require.Equal(t, counts[0], counts[1])
}

func TestXDPPlaceOfSomebodyElseIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	node, _, _ := joinedNode(t)
	other := attachXDP(t, node.Namespace, "eth0", verdict(t, ebpf.XDP, xdpPass))
	c, logs := open(t, node.Namespace, byHook(HookXDP))
	s := newSums()
	require.Equal(t, 2, hooksOf(c), "the pod's only")
	_, failed, _ := c.Attached()
	require.Equal(t, map[string]int{"occupied": 1}, failed)
	require.Len(t, logs.FilterMessage("interface not captured").All(), 1)
	require.NoError(t, other.Close())
	s.until(t, c, "it is tried again", func() bool {
		c.checked = time.Time{}
		return hooksOf(c) == 4
	})
	s.close(t, c)
	s.requireIdentity(t)
}

func attachXDP(t *testing.T, in *nettest.Namespace, name string, p *ebpf.Program) (attached link.Link) {
	t.Helper()
	index := in.Link(t, name).Attrs().Index
	in.Do(t, func() {
		var err error
		attached, err = link.AttachXDP(link.XDPOptions{Program: p, Interface: index})
		require.NoError(t, err)
	})
	return attached
}
