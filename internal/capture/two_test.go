//go:build linux

package capture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// counts are what does not depend on where generations begin.
func (s *sums) counts() map[flow.Key][2][2]flow.Count {
	all := map[flow.Key][2][2]flow.Count{}
	for key, dirs := range s.flows {
		all[key] = [2][2]flow.Count{{dirs[0].Sent, dirs[0].Delivered}, {dirs[1].Sent, dirs[1].Delivered}}
	}
	return all
}

func TestTwoCapturesOfOneNodeGiveTheSameNumbers(t *testing.T) {
	t.Parallel()
	packets := lessInVM(20_000)
	have := kinds(t)
	for _, pair := range [][2]string{{have[0], HookTC}, {HookTC, have[0]}, {have[0], have[0]}} {
		t.Run(pair[0]+" and "+pair[1], func(t *testing.T) {
			node, pod, outside := joinedNode(t)
			first, firstLogs := open(t, node.Namespace, byHook(pair[0]))
			second, secondLogs := open(t, node.Namespace, byHook(pair[1]))
			s1, s2 := newSums(), newSums()
			listenUDP(t, outside, "198.18.0.254:9")
			listenUDP(t, pod.Namespace, "198.18.1.2:9")
			routed := dialUDP(t, pod.Namespace, "198.18.1.2:7", "198.18.0.254:9")
			own := dialUDP(t, node.Namespace, "198.18.0.1:7", "198.18.0.254:9")
			in := dialUDP(t, outside, "198.18.0.254:7", "198.18.1.2:9")
			s1.during(t, first, func() {
				for range packets / 100 {
					for _, sender := range []*udpSender{routed, own, in} {
						sender.send(100, 50)
					}
				}
			})
			first.checked, second.checked = first.checked.Add(-checkInterval), second.checked.Add(-checkInterval)
			s1.requireKernelAgrees(t, first, node.Namespace, "eth0", pod.HostEnd)
			s2.requireKernelAgrees(t, second, node.Namespace, "eth0", pod.HostEnd)
			require.Equal(t, s1.counts(), s2.counts())
			require.Equal(t, uint64(packets)-droppedBy(t, pod), s2.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.0.254:9")).Sent.Packets)
			require.Equal(t, uint64(packets), s2.between(tuple(flow.UDP, "198.18.0.1:7", "198.18.0.254:9")).Sent.Packets)
			require.NotZero(t, s2.between(tuple(flow.UDP, "198.18.0.254:7", "198.18.1.2:9")).Delivered.Packets)

			s1.close(t, first)
			s1.requireIdentity(t)
			s2.during(t, second, func() { own.send(packets, 50) }) // the other goes on
			s2.requireKernelAgrees(t, second, node.Namespace, "eth0")
			s2.close(t, second)
			s2.requireIdentity(t)
			require.Equal(t, uint64(2*packets), s2.between(tuple(flow.UDP, "198.18.0.1:7", "198.18.0.254:9")).Sent.Packets)
			requireNothingOfOurs(t, node.Namespace)
			require.Empty(t, firstLogs.FilterLevelExact(zapWarn).All(), "neither takes the other for somebody else")
			require.Empty(t, secondLogs.FilterLevelExact(zapWarn).All())
		})
	}
}

func TestSoManyInstancesByTCAndNoMore(t *testing.T) {
	t.Parallel()
	node, _ := pairNode(t)
	in, err := openNamespace(node.Path)
	require.NoError(t, err)
	defer in.close()
	for number := range filterMaxCount {
		c, err := claimFirst(in)
		require.NoError(t, err)
		require.Equal(t, number, c.number)
		defer c.Close()
		require.True(t, isClaimed(in, number))
	}
	_, _, err = tryOpen(t, node.Path, byHook(HookTC))
	require.ErrorContains(t, err, "16 other instances attach to this node by tc")
}
