//go:build linux

package capture

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// joinedNode is a node with a bridged pod (198.18.1.2) and an uplink eth0 (198.18.0.1) to another host
// (198.18.0.254), which routes the pod's network back. Nobody speaks IPv6.
func joinedNode(t *testing.T) (node *nettest.Node, pod *nettest.Pod, outside *nettest.Namespace) {
	t.Helper()
	node, outside = nettest.NewNode(t, "node"), nettest.NewNamespace(t, "outside")
	for _, in := range []*nettest.Namespace{node.Namespace, outside} {
		in.Sysctl(t, "net.ipv6.conf.default.disable_ipv6=1") // silent
	}
	nettest.Join(t, node.Namespace, "eth0", "198.18.0.1/24", outside, "eth0", "198.18.0.254/24")
	node.AddBridge(t, "198.18.1.1/24")
	pod = node.AddPod(t, []string{"198.18.1.2/24"}, "198.18.1.1")
	node.AddRoute(t, "default", "198.18.0.254", "eth0")
	outside.AddRoute(t, "198.18.1.0/24", "198.18.0.1", "")
	return node, pod, outside
}

// exchange sends datagrams one way and waits until they arrived.
func (s *sums) exchange(t *testing.T, c *Capture, packets int, client *nettest.Namespace, from string, server *nettest.Namespace, to, call string) {
	t.Helper()
	arrived := received(t, server, to)
	sender := dialUDP(t, client, from, call)
	s.during(t, c, func() { sender.send(packets, 100) })
	s.until(t, c, "all arrived", func() bool { return arrived() == packets })
	s.drain(t, c)
	s.drain(t, c)
}

func TestUplinkCountsTheNodesOwnAndSumsUpTransit(t *testing.T) {
	t.Parallel()
	const packets = 100
	all := udpFrames(packets, 100, false)
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, pod, outside := joinedNode(t)
			c, _ := open(t, node.Namespace, byHook(kind))
			s := newSums()

			s.exchange(t, c, packets, node.Namespace, "198.18.0.1:7", outside, "198.18.0.254:9", "198.18.0.254:9")
			own := s.between(tuple(flow.UDP, "198.18.0.1:7", "198.18.0.254:9"))
			require.Equal(t, all, own.Sent, "a process of the node sends: counted where it leaves")
			require.Equal(t, "eth0", own.SentIf.Name)
			require.Equal(t, flow.Uplink, own.SentIf.Role)
			require.Zero(t, own.Delivered)

			s.exchange(t, c, packets, outside, "198.18.0.254:7", node.Namespace, "198.18.0.1:9", "198.18.0.1:9")
			in := s.between(tuple(flow.UDP, "198.18.0.254:7", "198.18.0.1:9"))
			require.Equal(t, all, in.Delivered, "one receives: counted where it comes in")
			require.Equal(t, "eth0", in.DeliveredIf.Name)

			out, arrived := s.seen("eth0", true).Transit, s.seen("eth0", false).Transit
			require.Zero(t, out.Packets)
			s.exchange(t, c, packets, pod.Namespace, "198.18.1.2:7", outside, "198.18.0.254:10", "198.18.0.254:10")
			routed := s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.0.254:10"))
			require.Equal(t, all, routed.Sent, "a pod's is counted at its veth,")
			require.Equal(t, pod.HostEnd, routed.SentIf.Name)
			require.Equal(t, all, s.seen("eth0", true).Transit, "and is transit at the uplink")

			s.exchange(t, c, packets, outside, "198.18.0.254:8", pod.Namespace, "198.18.1.2:9", "198.18.1.2:9")
			back := s.between(tuple(flow.UDP, "198.18.0.254:8", "198.18.1.2:9"))
			require.Equal(t, all, back.Delivered)
			require.Equal(t, pod.HostEnd, back.DeliveredIf.Name)
			require.Equal(t, all.Packets+arrived.Packets, s.seen("eth0", false).Transit.Packets)

			s.requireKernelAgrees(t, c, node.Namespace, "eth0", pod.HostEnd)
			s.close(t, c)
			s.requireIdentity(t)
		})
	}
}

// The packets of a tunnel are transit at the uplink: what is in them is seen at the tunnel's device.
func TestTunnelsPacketsAreTransitAndTheirContentsAreSeen(t *testing.T) {
	t.Parallel()
	const packets = 100
	node, pod, outside := joinedNode(t)
	for _, end := range []struct {
		in                     *nettest.Namespace
		local, remote, address string
	}{
		{node.Namespace, "198.18.0.1", "198.18.0.254", "198.18.9.1/24"},
		{outside, "198.18.0.254", "198.18.0.1", "198.18.9.254/24"},
	} {
		a := nettest.Attrs("vxlan0", 0)
		end.in.AddLink(t, &netlink.Vxlan{LinkAttrs: a, VxlanId: 9, Port: 8472, Learning: true,
			SrcAddr: net.ParseIP(end.local), Group: net.ParseIP(end.remote)})
		end.in.AddAddress(t, "vxlan0", end.address)
		end.in.Up(t, "vxlan0")
	}
	outside.AddRoute(t, "198.18.1.2/32", "198.18.9.1", "")
	node.AddRoute(t, "198.18.99.0/24", "198.18.9.254", "")
	outside.AddAddress(t, "lo", "198.18.99.1/32")
	c, _ := open(t, node.Namespace, nil)
	s := newSums()

	s.exchange(t, c, packets, node.Namespace, "198.18.9.1:7", outside, "198.18.9.254:9", "198.18.9.254:9")
	own := s.between(tuple(flow.UDP, "198.18.9.1:7", "198.18.9.254:9"))
	require.Equal(t, udpFrames(packets, 100, false), own.Sent)
	require.Equal(t, "vxlan0", own.SentIf.Name)
	s.exchange(t, c, packets, pod.Namespace, "198.18.1.2:7", outside, "198.18.99.1:9", "198.18.99.1:9")
	routed := s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.99.1:9"))
	require.Equal(t, udpFrames(packets, 100, false), routed.Sent)
	require.Equal(t, pod.HostEnd, routed.SentIf.Name)

	s.close(t, c)
	s.requireIdentity(t)
	outer := s.of(toPort(flow.UDP, 8472))
	require.Zero(t, outer.Sent.Packets+outer.Delivered.Packets, "no entry has the tunnel's own packets")
	require.GreaterOrEqual(t, s.seen("eth0", true).Transit.Packets, uint64(2*packets))
	require.GreaterOrEqual(t, s.seen("vxlan0", true).Transit.Packets, uint64(packets), "the pod's")
	require.GreaterOrEqual(t, s.seen("vxlan0", true).Flows.Packets, uint64(packets), "the node's")
}

// What a pod sends under the node's address is said to be forwarded, not the node's own.
func TestMasqueradedPacketsAreNotTheNodesOwn(t *testing.T) {
	t.Parallel()
	nettest.RequireTool(t, "ip", "nft")
	const packets = 100
	node, pod, outside := joinedNode(t)
	node.Exec(t, "nft add table ip nat")
	node.Exec(t, "nft add chain ip nat post { type nat hook postrouting priority 100 ; }")
	node.Exec(t, "nft add rule ip nat post ip saddr 198.18.1.0/24 oifname eth0 masquerade")
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	claims := map[flow.Key]flow.Claim{}
	watch := func(r *flow.Record) {
		s.add(r)
		claims[r.Key] = max(claims[r.Key], r.Claim)
	}
	arrived := received(t, outside, "198.18.0.254:9")
	dialUDP(t, pod.Namespace, "198.18.1.2:7", "198.18.0.254:9").send(packets, 100)
	dialUDP(t, node.Namespace, "198.18.0.1:8", "198.18.0.254:9").send(packets, 100)
	s.until(t, c, "all arrived", func() bool {
		report, err := c.Drain(watch)
		require.NoError(t, err)
		s.report(report)
		return arrived() == 2*packets
	})
	require.NoError(t, c.Close(watch, s.report))
	s.requireIdentity(t)
	require.Equal(t, flow.Forwarded, claims[keyOf(tuple(flow.UDP, "198.18.0.1:7", "198.18.0.254:9"))])
	require.Equal(t, flow.OwnSocket, claims[keyOf(tuple(flow.UDP, "198.18.0.1:8", "198.18.0.254:9"))])
	require.Equal(t, flow.Unclaimed, claims[keyOf(tuple(flow.UDP, "198.18.1.2:7", "198.18.0.254:9"))])
	require.Equal(t, uint64(packets), s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.0.254:9")).Sent.Packets)
}

// What is tagged belongs to the VLAN's device, and is transit at the card below.
func TestTaggedPacketsAreTransitAtTheParent(t *testing.T) {
	t.Parallel()
	const packets = 100
	node, _, outside := joinedNode(t)
	for in, prefix := range map[*nettest.Namespace]string{node.Namespace: "198.18.7.1/24", outside: "198.18.7.254/24"} {
		a := nettest.Attrs("eth0.7", 0)
		a.ParentIndex = in.Link(t, "eth0").Attrs().Index
		in.AddLink(t, &netlink.Vlan{LinkAttrs: a, VlanId: 7, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
		in.AddAddress(t, "eth0.7", prefix)
		in.Up(t, "eth0.7")
	}
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	s.exchange(t, c, packets, node.Namespace, "198.18.7.1:7", outside, "198.18.7.254:9", "198.18.7.254:9")
	s.exchange(t, c, packets, outside, "198.18.7.254:7", node.Namespace, "198.18.7.1:9", "198.18.7.1:9")
	s.close(t, c)
	s.requireIdentity(t)
	require.Equal(t, udpFrames(packets, 100, false), s.between(tuple(flow.UDP, "198.18.7.1:7", "198.18.7.254:9")).Sent)
	require.Equal(t, udpFrames(packets, 100, false), s.between(tuple(flow.UDP, "198.18.7.254:7", "198.18.7.1:9")).Delivered)
	require.GreaterOrEqual(t, s.seen("eth0", true).Transit.Packets, uint64(packets))
	require.GreaterOrEqual(t, s.seen("eth0", false).Transit.Packets, uint64(packets))
}

// Whole frames with a tag show the same where the kernel has no VLAN devices.
func TestTaggedFramesAreTransitAtAnUplink(t *testing.T) {
	t.Parallel()
	node, _, outside := joinedNode(t)
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	of := tuple(flow.UDP, "198.18.0.254:7", "198.18.0.1:9")
	ends := openFrames(t, outside)
	for range 20 {
		ends.sendBy(outside.Link(t, "eth0").Attrs().Index, tagged(frame4(of, ports(of, udp)), 7))
	}
	s.until(t, c, "all were seen", func() bool { return s.seen("eth0", false).Transit.Packets >= 20 })
	s.close(t, c)
	s.requireIdentity(t)
	require.Zero(t, s.between(of).Delivered)
}

// Routes come and go, and with them uplinks; the hooks of others stay.
func TestUplinkFollowsTheRoutes(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, outside := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "outside")
			nettest.Join(t, node, "eth0", "", outside, "eth0", "")
			c, _ := open(t, node, byHook(kind))
			s := newSums()
			role := func(want flow.Role) {
				t.Helper()
				s.until(t, c, "role "+want.String(), func() bool {
					hooks, _, _ := c.Attached()
					return hooks[AttachedKey{want, kind, true}] == 1 && len(hooks) == 2
				})
			}
			role(flow.PodSide)
			node.AddAddress(t, "eth0", "198.18.0.1/24") // a route to a subnet
			role(flow.Uplink)
			index := node.Link(t, "eth0").Attrs().Index
			node.Do(t, func() {
				l, err := netlink.LinkByIndex(index)
				require.NoError(t, err)
				list, err := netlink.AddrList(l, netlink.FAMILY_V4)
				require.NoError(t, err)
				require.NoError(t, netlink.AddrDel(l, &list[0]))
			})
			role(flow.PodSide)
			s.requireKernelAgrees(t, c, node, "eth0")
			s.close(t, c)
			s.requireIdentity(t)
			requireNothingOfOurs(t, node)
		})
	}
}

// A bridge that leads out, here by a tunnel, is the top of its stack.
func TestBridgeThatLeadsOutIsTheUplinkAndItsPortsAreNot(t *testing.T) {
	t.Parallel()
	const packets = 100
	node, _, outside := joinedNode(t)
	for _, end := range []struct {
		in            *nettest.Namespace
		local, remote string
	}{{node.Namespace, "198.18.0.1", "198.18.0.254"}, {outside, "198.18.0.254", "198.18.0.1"}} {
		end.in.AddLink(t, &netlink.Vxlan{LinkAttrs: nettest.Attrs("vxlan0", 0), VxlanId: 9, Port: 8472, Learning: true,
			SrcAddr: net.ParseIP(end.local), Group: net.ParseIP(end.remote)})
		end.in.Up(t, "vxlan0")
	}
	node.AddLink(t, &netlink.Bridge{LinkAttrs: nettest.Attrs("br1", 0)})
	node.AddAddress(t, "br1", "198.18.9.1/24")
	node.Up(t, "br1")
	node.Enslave(t, "vxlan0", "br1")
	node.Bridge = "br1"
	pod := node.AddPod(t, []string{"198.18.9.2/24"}, "198.18.9.1")
	outside.AddAddress(t, "vxlan0", "198.18.9.254/24")
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	s.exchange(t, c, packets, node.Namespace, "198.18.9.1:7", outside, "198.18.9.254:9", "198.18.9.254:9")
	s.exchange(t, c, packets, pod.Namespace, "198.18.9.2:7", outside, "198.18.9.254:10", "198.18.9.254:10")
	s.close(t, c)
	s.requireIdentity(t)
	own := s.between(tuple(flow.UDP, "198.18.9.1:7", "198.18.9.254:9"))
	require.Equal(t, udpFrames(packets, 100, false), own.Sent)
	require.Equal(t, "br1", own.SentIf.Name)
	bridged := s.between(tuple(flow.UDP, "198.18.9.2:7", "198.18.9.254:10"))
	require.Equal(t, udpFrames(packets, 100, false), bridged.Sent)
	require.Equal(t, pod.HostEnd, bridged.SentIf.Name)
	require.Zero(t, s.seen("vxlan0", true), "a port")
	require.GreaterOrEqual(t, s.seen("eth0", true).Transit.Packets, uint64(2*packets))
}
