//go:build linux

package capture

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

const zapWarn = zap.WarnLevel

// pairNode is a node with a routed pod: 198.18.1.1 and .2, fd00:1::1 and ::2.
func pairNode(t *testing.T) (*nettest.Node, *nettest.Pod) {
	t.Helper()
	node := nettest.NewNode(t, "node")
	pod := node.AddPod(t, []string{"198.18.1.2/24", "fd00:1::2/64"})
	address(t, node, pod)
	return node, pod
}

// address gives the node's end of a pod's pair its addresses, and a route to the pod alone.
func address(t *testing.T, node *nettest.Node, pod *nettest.Pod) {
	t.Helper()
	node.AddAddress(t, pod.HostEnd, "198.18.1.1/32")
	node.AddAddress(t, pod.HostEnd, "fd00:1::1/128")
	node.AddRoute(t, "198.18.1.2/32", "", pod.HostEnd)
	node.AddRoute(t, "fd00:1::2/128", "", pod.HostEnd)
	nettest.Introduce(t, node.Namespace, pod.HostEnd, []string{"198.18.1.1", "fd00:1::1"},
		pod.Namespace, "eth0", []string{"198.18.1.2", "fd00:1::2"})
}

func TestRenamedInterfaceStaysCaptured(t *testing.T) {
	t.Parallel()
	node, pod := pairNode(t)
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	ends := openFrames(t, pod.Namespace)
	index := pod.Link(t, "eth0").Attrs().Index
	of := tuple(flow.UDP, "198.18.1.2:7", "198.18.1.1:9")
	send := func() { ends.sendBy(index, frame4(of, ports(of, udp))) }
	s.during(t, c, func() {
		for range 1000 {
			send()
		}
		node.Do(t, func() {
			l, err := netlink.LinkByName(pod.HostEnd)
			require.NoError(t, err)
			require.NoError(t, netlink.LinkSetDown(l)) // older kernels rename nothing that is up
			require.NoError(t, netlink.LinkSetName(l, "renamed"))
			require.NoError(t, netlink.LinkSetUp(l))
		})
	})
	s.until(t, c, "the new name is known", func() bool {
		send()
		return s.seen("renamed", false).Flows.Packets > 0
	})
	// under either name, no packet was missed
	s.until(t, c, "the kernel counts as many", func() bool {
		all := s.unseen(pod.HostEnd, false)
		all.Add(s.seen(pod.HostEnd, false).Seen)
		all.Add(s.seen("renamed", false).Seen)
		all.Add(s.unseen("renamed", false))
		return all == countersOf(node.Link(t, "renamed"))[0]
	})
	require.Zero(t, s.unseen("renamed", false))
	s.close(t, c)
	s.requireIdentity(t)
}

func keyOf(t flow.Tuple) flow.Key {
	key, _ := t.Key()
	return key
}

// A new interface with the name and the index of one that is gone is another one.
func TestNameAndIndexReuseStartAnew(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, pod := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod")
			c, logs := open(t, node, byHook(kind))
			s := newSums()
			const rounds, index, packets = 10, 77, 50
			want := uint64(0)
			for i := range rounds {
				node.AddVeth(t, "veth0", index, pod, "eth0")
				node.Up(t, "veth0")
				pod.Up(t, "eth0")
				require.Eventually(t, func() bool { return logs.FilterMessage("interface attached").Len() == i+1 },
					30*time.Second, time.Millisecond, "attached, not: still attached")
				in := tuple(flow.UDP, fmt.Sprintf("198.18.1.2:%d", 1000+i), "198.18.1.1:9")
				ends := openFrames(t, pod)
				for range packets {
					ends.sendBy(pod.Link(t, "eth0").Attrs().Index, frame4(in, ports(in, udp)))
				}
				want += packets
				s.drain(t, c)
				s.until(t, c, "all arrived", func() bool { return s.between(in).Sent.Packets == packets })
				node.DeleteLink(t, "veth0")
			}
			s.close(t, c)
			s.requireIdentity(t)
			require.Equal(t, want, s.of(toPort(flow.UDP, 9)).Sent.Packets)
		})
	}
}

func TestInterfaceThatMovesBetweenNamespacesIsFollowed(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, pod, other := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod"), nettest.NewNamespace(t, "other")
			c, _ := open(t, node, byHook(kind))
			s := newSums()
			node.AddVeth(t, "veth0", 0, node, "eth0") // both ends here, as Docker begins
			node.AddVeth(t, "veth1", 0, pod, "eth0")
			waitFor(t, c, 1)
			node.Move(t, "eth0", other)
			waitFor(t, c, 2)
			other.Move(t, "eth0", node)
			waitFor(t, c, 1)
			node.Move(t, "veth1", other)
			waitFor(t, c, 0)
			other.Move(t, "veth1", node)
			waitFor(t, c, 1)
			s.close(t, c)
			s.requireIdentity(t)
			for _, in := range []*nettest.Namespace{node, other} {
				requireNothingOfOurs(t, in)
			}
		})
	}
}

func TestNamespaceDeletedUnderTraffic(t *testing.T) {
	t.Parallel()
	node, pod := pairNode(t)
	c, logs := open(t, node.Namespace, nil)
	s := newSums()
	listenUDP(t, node.Namespace, "198.18.1.1:9")
	waitFor(t, c, 1)
	index := pod.Link(t, "eth0").Attrs().Index
	ends := openFrames(t, pod.Namespace)
	in := tuple(flow.UDP, "198.18.1.2:7", "198.18.1.1:9")
	sent := uint64(0)
	s.during(t, c, func() {
		for range 2000 {
			ends.sendBy(index, frame4(in, ports(in, udp)))
			sent++
		}
		ends.close() // a socket would keep the namespace
		pod.Delete(t)
	})
	waitFor(t, c, 0)
	s.close(t, c)
	s.requireIdentity(t)
	require.Equal(t, sent, s.between(in).Sent.Packets)
	require.Empty(t, logs.FilterLevelExact(zapWarn).All())
}

func TestSelectionByNamesAndGlobs(t *testing.T) {
	t.Parallel()
	node, pod := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod")
	for _, name := range []string{"veth1", "veth2", "lxc1", "lxc2"} {
		node.AddVeth(t, name, 0, pod, "to"+name)
	}
	for _, test := range []struct {
		name             string
		include, exclude []string
		want             []string
	}{
		{"auto", []string{"auto"}, nil, []string{"veth1", "veth2", "lxc1", "lxc2"}},
		{"auto but for a glob", []string{"auto"}, []string{"lxc*"}, []string{"veth1", "veth2"}},
		{"a name", []string{"veth2"}, nil, []string{"veth2"}},
		{"a glob", []string{"lxc?"}, nil, []string{"lxc1", "lxc2"}},
		{"a glob but for a name", []string{"veth*"}, []string{"veth1"}, []string{"veth2"}},
		{"nothing", []string{"none*"}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _ := open(t, node, func(c *Config) { c.Interfaces, c.ExcludeInterfaces = test.include, test.exclude })
			var got []string
			for _, index := range c.attached.indexes() {
				node.Do(t, func() {
					l, err := netlink.LinkByIndex(index)
					require.NoError(t, err)
					got = append(got, l.Attrs().Name)
				})
			}
			newSums().close(t, c)
			require.ElementsMatch(t, test.want, got)
		})
	}
}

func TestPatternThatMatchesNothingWarnsOnceAndWaits(t *testing.T) {
	t.Parallel()
	node, pod := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod")
	c, logs := open(t, node, func(c *Config) { c.Interfaces = []string{"cali*"} })
	node.AddVeth(t, "veth1", 0, pod, "eth1")
	node.AddVeth(t, "veth2", 0, pod, "eth2")
	node.AddVeth(t, "cali1", 0, pod, "eth3")
	waitFor(t, c, 1)
	newSums().close(t, c)
	warnings := logs.FilterLevelExact(zapWarn).All()
	require.Len(t, warnings, 1)
	require.Equal(t, "no interface matches yet, waiting for one", warnings[0].Message)
	require.Equal(t, "cali*", warnings[0].ContextMap()["capture::interfaces"])
}

func TestMoreInterfacesThanSlotsAreReportedAndCapturedWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	node, pod := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod")
	c, logs := open(t, node, nil)
	s := newSums()
	c.attached.mu.Lock()
	for i := range c.attached.slots.owner {
		if i > 1 && c.attached.slots.owner[i] == nil {
			c.attached.slots.owner[i] = &flow.Interface{Name: "another"}
		}
	}
	c.attached.mu.Unlock()
	node.AddVeth(t, "veth1", 0, pod, "eth1")
	waitFor(t, c, 1)
	node.AddVeth(t, "veth2", 0, pod, "eth2")
	require.Eventually(t, func() bool { _, failed, _ := c.Attached(); return failed["no_slot"] == 1 }, 10*time.Second, time.Millisecond)
	node.DeleteLink(t, "veth1")
	waitFor(t, c, 0)
	s.until(t, c, "it is tried again", func() bool {
		c.checked = time.Time{}
		return hooksOf(c) == 2
	})
	_, failed, failures := c.Attached()
	require.Empty(t, failed)
	require.NotZero(t, failures["no_slot"])
	require.Len(t, logs.FilterMessage("interface not captured").All(), 1)
	s.close(t, c)
}
