//go:build linux

package capture

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

const (
	atIngress = uint32(netlink.HANDLE_MIN_INGRESS)
	atEgress  = uint32(netlink.HANDLE_MIN_EGRESS)
)

// What others do to our filter is undone as soon as netlink tells, and what passed meanwhile is counted.
func TestFilterThatIsDisturbedComesBackAndTheGapIsCounted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		egress  bool
		disturb func(t *testing.T, node *nettest.Namespace, name string)
	}{
		{"our filter is deleted", false, func(t *testing.T, node *nettest.Namespace, name string) {
			deleteFilter(t, node, ours(t, node, name, atIngress)[0])
		}},
		{"our filter at egress is deleted", true, func(t *testing.T, node *nettest.Namespace, name string) {
			deleteFilter(t, node, ours(t, node, name, atEgress)[0])
		}},
		{"the whole qdisc is deleted", false, func(t *testing.T, node *nettest.Namespace, name string) {
			index := node.Link(t, name).Attrs().Index
			node.Do(t, func() { require.NoError(t, netlink.QdiscDel(clsactOf(index))) })
		}},
		{"a filter is put before ours and ends the chain", false, func(t *testing.T, node *nettest.Namespace, name string) {
			addFilter(t, node, otherFilter(t, node, name, atIngress, 1, 1, verdict(t, ebpf.SchedCLS, actOK)))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			node, pod := pairNode(t)
			c, logs := open(t, node.Namespace, byHook(HookTC))
			s := newSums()
			listenUDP(t, node.Namespace, "198.18.1.1:9")
			listenUDP(t, pod.Namespace, "198.18.1.2:9")
			up := dialUDP(t, pod.Namespace, "198.18.1.2:7", "198.18.1.1:9")
			down := dialUDP(t, node.Namespace, "198.18.1.1:7", "198.18.1.2:9")
			disturbed := false
			s.during(t, c, func() {
				for range 400 {
					up.send(50, 100)
					down.send(50, 100)
					if up.sent >= 5000 && !disturbed {
						disturbed = true
						test.disturb(t, node.Namespace, pod.HostEnd)
					}
				}
			})
			s.until(t, c, "the filter comes back", func() bool { return logs.FilterMessageSnippet("hook put back").Len() > 0 })
			s.requireKernelAgrees(t, c, node.Namespace, pod.HostEnd)
			s.close(t, c)
			s.requireIdentity(t)
			back := logs.FilterMessageSnippet("hook put back").All()[0].ContextMap()
			require.Equal(t, test.egress, back["egress"])
			gap := s.unobserved[hookName{iface: pod.HostEnd, egress: test.egress}][hookGap]
			t.Logf("%d packets of %d passed until the filter was back", gap.Packets, up.sent)
			require.Equal(t, up.sent-droppedBy(t, pod), s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.1.1:9")).Sent.Packets+
				s.unobserved[hookName{iface: pod.HostEnd}][hookGap].Packets)
			// older kernels switch a device off for a moment when its qdisc goes, and what is sent then is lost
			require.LessOrEqual(t, s.between(tuple(flow.UDP, "198.18.1.1:7", "198.18.1.2:9")).Delivered.Packets+
				s.unobserved[hookName{iface: pod.HostEnd, egress: true}][hookGap].Packets, down.sent)
			require.Equal(t, test.egress, back["egress"])
		})
	}
}

func TestFilterOfOthersStaysAndDecides(t *testing.T) {
	t.Parallel()
	const packets = 100
	node, pod := pairNode(t)
	addQdisc(t, node.Namespace, pod.HostEnd, kindClsact)
	drop := otherFilter(t, node.Namespace, pod.HostEnd, atIngress, 2, 1, verdict(t, ebpf.SchedCLS, actShot))
	addFilter(t, node.Namespace, drop)
	addFilter(t, node.Namespace, otherFilter(t, node.Namespace, pod.HostEnd, atIngress, 1, 1, verdict(t, ebpf.SchedCLS, actOK)))
	c, _ := open(t, node.Namespace, byHook(HookTC))
	s := newSums()
	arrived := received(t, node.Namespace, "198.18.1.1:9")
	sender := dialUDP(t, pod.Namespace, "198.18.1.2:7", "198.18.1.1:9")
	sender.send(packets, 10)
	require.Eventually(t, func() bool { return arrived() == packets }, 10*time.Second, time.Millisecond)
	deleteFilter(t, node.Namespace, otherFilter(t, node.Namespace, pod.HostEnd, atIngress, 1, 1, verdict(t, ebpf.SchedCLS, actOK)))
	sender.send(packets, 10)
	s.close(t, c)
	s.requireIdentity(t)
	require.Equal(t, packets, arrived(), "the second filter drops, and we let it")
	require.Equal(t, uint64(2*packets), s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.1.1:9")).Sent.Packets)
	require.True(t, hasQdisc(t, node.Namespace, pod.HostEnd, kindClsact), "the qdisc is not ours")
	require.Len(t, filters(t, node.Namespace, pod.HostEnd, atIngress), 1)
	require.Empty(t, ours(t, node.Namespace, pod.HostEnd, atIngress))
	require.Empty(t, ours(t, node.Namespace, pod.HostEnd, atEgress))
}

func TestQdiscGoesWithUsUnlessSomebodyUsesIt(t *testing.T) {
	t.Parallel()
	for _, used := range []bool{false, true} {
		node, pod := pairNode(t)
		c, _ := open(t, node.Namespace, byHook(HookTC))
		require.True(t, hasQdisc(t, node.Namespace, pod.HostEnd, kindClsact))
		if used {
			addFilter(t, node.Namespace, otherFilter(t, node.Namespace, pod.HostEnd, atEgress, 5, 1, verdict(t, ebpf.SchedCLS, actOK)))
		}
		newSums().close(t, c)
		require.Equal(t, used, hasQdisc(t, node.Namespace, pod.HostEnd, kindClsact))
		if !used {
			requireNothingOfOurs(t, node.Namespace)
		}
	}
}

// The last of two instances to leave removes the qdisc, whoever made it.
func TestQdiscGoesWithTheLastInstance(t *testing.T) {
	t.Parallel()
	for _, firstLeavesFirst := range []bool{true, false} {
		node, _ := pairNode(t)
		first, _ := open(t, node.Namespace, byHook(HookTC))
		second, _ := open(t, node.Namespace, byHook(HookTC))
		if !firstLeavesFirst {
			first, second = second, first
		}
		newSums().close(t, first)
		newSums().close(t, second)
		requireNothingOfOurs(t, node.Namespace)
	}
}

func TestOccupiedPlaceIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		occupy func(t *testing.T, node *nettest.Namespace, name string) (leave func())
		says   string
	}{
		{"a filter of another kind", func(t *testing.T, node *nettest.Namespace, name string) func() {
			addQdisc(t, node, name, kindClsact)
			f := otherU32(t, node, name, atIngress, filterPriority)
			addFilter(t, node, f)
			return func() { deleteFilter(t, node, f) }
		}, "a u32 filter has priority 1"},
		{"a filter with our handle", func(t *testing.T, node *nettest.Namespace, name string) func() {
			addQdisc(t, node, name, kindClsact)
			f := otherFilter(t, node, name, atIngress, filterPriority, filterHandle, verdict(t, ebpf.SchedCLS, actOK))
			addFilter(t, node, f)
			return func() { deleteFilter(t, node, f) }
		}, "a bpf filter has priority 1"},
		{"an ingress qdisc", func(t *testing.T, node *nettest.Namespace, name string) func() {
			addQdisc(t, node, name, "ingress")
			index := node.Link(t, name).Attrs().Index
			return func() {
				q := &netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_INGRESS}}
				node.Do(t, func() { require.NoError(t, netlink.QdiscDel(q)) })
			}
		}, "an ingress qdisc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			node, pod := pairNode(t)
			leave := test.occupy(t, node.Namespace, pod.HostEnd)
			c, logs := open(t, node.Namespace, byHook(HookTC))
			s := newSums()
			for range 3 {
				c.checked = time.Time{} // 10 s have passed
				s.drain(t, c)
			}
			require.Zero(t, hooksOf(c), "both hooks, or none")
			_, failed, failures := c.Attached()
			require.Equal(t, map[string]int{"occupied": 1}, failed)
			require.NotZero(t, failures["occupied"])
			warnings := logs.FilterMessage("interface not captured").All()
			require.Len(t, warnings, 1)
			require.Contains(t, warnings[0].ContextMap()["error"], test.says)
			leave()
			s.until(t, c, "it is tried again", func() bool {
				c.checked = time.Time{}
				return hooksOf(c) == 2
			})
			_, failed, _ = c.Attached()
			require.Empty(t, failed)
			s.close(t, c)
		})
	}
}
