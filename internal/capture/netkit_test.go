//go:build linux

package capture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// A pod whose device is of a netkit pair (Linux 6.7 and newer) is counted like one with a veth.
func TestPodsOfNetkitPairsAreCountedLikeOthers(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			const packets = 1000
			node := nettest.NewNode(t, "node")
			a := node.AddNetkitPod(t, []string{"198.18.1.2/24"})
			b := node.AddPod(t, []string{"198.18.2.2/24"})
			for gateway, pod := range map[string]*nettest.Pod{"198.18.1.1": a, "198.18.2.1": b} {
				node.AddAddress(t, pod.HostEnd, gateway+"/32")
				node.AddRoute(t, pod.Addr4.String()+"/32", "", pod.HostEnd)
				nettest.Introduce(t, node.Namespace, pod.HostEnd, []string{gateway}, pod.Namespace, "eth0", []string{pod.Addr4.String()})
				pod.AddRoute(t, "default", gateway, "eth0")
			}
			c, _ := open(t, node.Namespace, byHook(kind))
			s := newSums()
			waitFor(t, c, 2)
			s.exchange(t, c, packets, a.Namespace, "198.18.1.2:7", b.Namespace, "198.18.2.2:9", "198.18.2.2:9")
			s.exchange(t, c, packets, b.Namespace, "198.18.2.2:7", a.Namespace, "198.18.1.2:9", "198.18.1.2:9")
			s.requireKernelAgrees(t, c, node.Namespace, a.HostEnd, b.HostEnd)
			s.close(t, c)
			s.requireIdentity(t)
			for _, of := range []flow.Tuple{tuple(flow.UDP, "198.18.1.2:7", "198.18.2.2:9"), tuple(flow.UDP, "198.18.2.2:7", "198.18.1.2:9")} {
				require.Equal(t, udpFrames(packets, 100, false), s.between(of).Sent)
				require.Equal(t, udpFrames(packets, 100, false), s.between(of).Delivered)
			}
			requireNothingOfOurs(t, node.Namespace)
		})
	}
}
