//go:build linux

package capture

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// received counts the datagrams that get through to a socket.
func received(t *testing.T, in *nettest.Namespace, address string) func() int {
	t.Helper()
	r := listenCounting(t, in, address)
	return r.count
}

func TestTCXSeesFirstAndLeavesTheVerdictToOthers(t *testing.T) {
	t.Parallel()
	requireTCX(t)
	for _, test := range []struct {
		name    string
		code    int32
		before  bool // attached before we are
		arrives bool
	}{
		{"a program that was there and passes", actOK, true, true},
		{"a program that was there and drops", actShot, true, false},
		{"a program that was there and goes on", goOn, true, true},
		{"a program that comes later and passes", actOK, false, true},
		{"a program that comes later and drops", actShot, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			const packets = 100
			node, pod := pairNode(t)
			other := verdict(t, ebpf.SchedCLS, test.code)
			if test.before {
				attachOther(t, node.Namespace, pod.HostEnd, ebpf.AttachTCXIngress, link.Head(), other)
			}
			c, _ := open(t, node.Namespace, nil)
			s := newSums()
			if !test.before {
				attachOther(t, node.Namespace, pod.HostEnd, ebpf.AttachTCXIngress, link.Tail(), other)
			}
			arrived := received(t, node.Namespace, "198.18.1.1:9")
			dialUDP(t, pod.Namespace, "198.18.1.2:7", "198.18.1.1:9").send(packets, 10)
			if test.arrives {
				require.Eventually(t, func() bool { return arrived() == packets }, 10*time.Second, time.Millisecond)
			}
			s.requireKernelAgrees(t, c, node.Namespace, pod.HostEnd)
			s.close(t, c)
			s.requireIdentity(t)
			require.Equal(t, udpFrames(packets, 10, false), s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.1.1:9")).Sent)
			if !test.arrives {
				require.Zero(t, arrived())
			}
			left := tcxPrograms(t, node.Namespace, pod.HostEnd, ebpf.AttachTCXIngress)
			require.Len(t, left, 1, "the other's stays, ours is gone")
			require.False(t, isOurs(left[0].ID))
		})
	}
}

func TestTCXComesBackToTheHeadAndCountsTheGap(t *testing.T) {
	t.Parallel()
	requireTCX(t)
	const packets = 100
	for _, test := range []struct {
		name    string
		disturb func(t *testing.T, node *nettest.Namespace, name string)
	}{
		{"another program puts itself before ours and ends the chain", func(t *testing.T, node *nettest.Namespace, name string) {
			attachOther(t, node, name, ebpf.AttachTCXIngress, link.Head(), verdict(t, ebpf.SchedCLS, actOK))
		}},
		{"somebody detaches our link", func(t *testing.T, node *nettest.Namespace, name string) {
			id, known := tcxPrograms(t, node, name, ebpf.AttachTCXIngress)[0].LinkID()
			require.True(t, known)
			l, err := link.NewFromID(id)
			require.NoError(t, err)
			require.NoError(t, l.Detach())
			require.NoError(t, l.Close())
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			node, pod := pairNode(t)
			c, logs := open(t, node.Namespace, nil)
			s := newSums()
			listenUDP(t, node.Namespace, "198.18.1.1:9")
			sender := dialUDP(t, pod.Namespace, "198.18.1.2:7", "198.18.1.1:9")
			sender.send(packets, 10)
			test.disturb(t, node.Namespace, pod.HostEnd)
			sender.send(packets, 10)
			s.until(t, c, "the hook comes back", func() bool {
				c.checked = time.Time{} // 10 s have passed
				return logs.FilterMessageSnippet("hook put back").Len() == 1
			})
			sender.send(packets, 10)
			s.close(t, c)
			s.requireIdentity(t)
			require.Equal(t, uint64(2*packets), s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.1.1:9")).Sent.Packets)
			gap := s.unobserved[hookName{iface: pod.HostEnd}][hookGap]
			require.GreaterOrEqual(t, gap.Packets, uint64(packets))
			back := s.seen(pod.HostEnd, false).Interface
			require.NotZero(t, back.Began, "what began before the hook was back may have been missed")
		})
	}
}

// Programs that want to be first, too, are not fought with.
func TestTCXDoesNotFightForTheHead(t *testing.T) {
	t.Parallel()
	requireTCX(t)
	var r retrial
	now := time.Unix(1000, 0)
	require.True(t, r.due(now), "at once")
	attempts := 0
	for range 3600 {
		now = now.Add(time.Second)
		if r.due(now) {
			attempts++
		}
	}
	require.LessOrEqual(t, attempts, 11)
	require.Greater(t, attempts, 5)
	require.True(t, r.due(now.Add(time.Hour)))
	require.False(t, r.due(now.Add(time.Hour+firstPause-1)))
	require.True(t, r.due(now.Add(time.Hour+firstPause)), "after a long peace it is soon tried again")
}

// A tcx program runs before every tc filter, whatever that says.
func TestTCXSeesBeforeALegacyFilterThatEndsTheChain(t *testing.T) {
	t.Parallel()
	requireTCX(t)
	const packets = 100
	node, pod := pairNode(t)
	addQdisc(t, node.Namespace, pod.HostEnd, kindClsact)
	other := verdict(t, ebpf.SchedCLS, actOK)
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		addFilter(t, node.Namespace, otherFilter(t, node.Namespace, pod.HostEnd, parent, 1, 1, other))
	}
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	arrived := received(t, node.Namespace, "198.18.1.1:9")
	dialUDP(t, pod.Namespace, "198.18.1.2:7", "198.18.1.1:9").send(packets, 10)
	require.Eventually(t, func() bool { return arrived() == packets }, 10*time.Second, time.Millisecond)
	s.requireKernelAgrees(t, c, node.Namespace, pod.HostEnd)
	s.close(t, c)
	s.requireIdentity(t)
	require.Equal(t, uint64(packets), s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.1.1:9")).Sent.Packets)
	require.True(t, hasQdisc(t, node.Namespace, pod.HostEnd, kindClsact))
	require.Len(t, filters(t, node.Namespace, pod.HostEnd, netlink.HANDLE_MIN_INGRESS), 1)
}
