//go:build linux

package capture

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// crash lets another process attach filters and kills it.
func crash(t *testing.T, node *nettest.Node) {
	t.Helper()
	command := startChild(t, "hold", node.Path)
	require.NoError(t, command.Process.Kill())
	_ = command.Wait()
}

func TestFiltersOfACrashedInstanceAreRemovedAndNobodyElses(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			const packets = 50
			node, pod := pairNode(t)
			second := node.AddPod(t, []string{"198.18.2.2/24"}) // with a qdisc of somebody else
			addQdisc(t, node.Namespace, second.HostEnd, kindClsact)
			crash(t, node)
			other := verdict(t, ebpf.SchedCLS, goOn)
			addFilter(t, node.Namespace, otherFilter(t, node.Namespace, pod.HostEnd, atIngress, 1, 7, other))
			addFilter(t, node.Namespace, otherFilter(t, node.Namespace, pod.HostEnd, atIngress, 2, filterHandle, other))
			addFilter(t, node.Namespace, otherU32(t, node.Namespace, pod.HostEnd, atEgress, 3))
			require.Len(t, ours(t, node.Namespace, pod.HostEnd, atIngress), 1, "left by the crash")
			require.Len(t, ours(t, node.Namespace, second.HostEnd, atEgress), 1)

			c, _ := open(t, node.Namespace, byHook(kind))
			s := newSums()
			want := 0
			if kind == HookTC {
				want = 1
			}
			for _, name := range []string{pod.HostEnd, second.HostEnd} {
				require.Len(t, ours(t, node.Namespace, name, atIngress), want)
				require.Len(t, ours(t, node.Namespace, name, atEgress), want)
			}
			listenUDP(t, node.Namespace, "198.18.1.1:9")
			dialUDP(t, pod.Namespace, "198.18.1.2:7", "198.18.1.1:9").send(packets, 10)
			s.requireKernelAgrees(t, c, node.Namespace, pod.HostEnd)
			s.close(t, c)
			s.requireIdentity(t)
			require.Equal(t, uint64(packets), s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.1.1:9")).Sent.Packets)

			require.Len(t, filters(t, node.Namespace, pod.HostEnd, atIngress), 2, "both of others")
			require.NotEmpty(t, filters(t, node.Namespace, pod.HostEnd, atEgress))
			require.Empty(t, ours(t, node.Namespace, pod.HostEnd, atIngress))
			require.Empty(t, ours(t, node.Namespace, pod.HostEnd, atEgress))
			require.True(t, hasQdisc(t, node.Namespace, pod.HostEnd, kindClsact), "made by the crashed one, used by others")
			require.True(t, hasQdisc(t, node.Namespace, second.HostEnd, kindClsact), "made by somebody else")
		})
	}
}

func TestQdiscOfACrashedInstanceIsRemovedWhenNobodyUsesIt(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, pod := pairNode(t)
			crash(t, node)
			require.True(t, hasQdisc(t, node.Namespace, pod.HostEnd, kindClsact))
			c, _ := open(t, node.Namespace, func(c *Config) { c.Hook, c.ExcludeInterfaces = kind, []string{pod.HostEnd} })
			require.False(t, hasQdisc(t, node.Namespace, pod.HostEnd, kindClsact), "also where nothing is captured now")
			newSums().close(t, c)
			requireNothingOfOurs(t, node.Namespace)
		})
	}
}

func TestFiltersOfALivingInstanceStay(t *testing.T) {
	t.Parallel()
	node, pod := pairNode(t)
	living := startChild(t, "hold", node.Path)
	crash(t, node)
	require.Len(t, ours(t, node.Namespace, pod.HostEnd, atIngress), 2)
	c, _ := open(t, node.Namespace, byHook(HookTC))
	require.Len(t, ours(t, node.Namespace, pod.HostEnd, atIngress), 2, "the living one's and the new one's")
	newSums().close(t, c)
	require.Len(t, ours(t, node.Namespace, pod.HostEnd, atIngress), 1)
	require.NoError(t, living.Process.Kill())
	_ = living.Wait()
	c, _ = open(t, node.Namespace, nil)
	newSums().close(t, c)
	requireNothingOfOurs(t, node.Namespace)
}
