//go:build linux

package capture

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

func TestPingCountsBothWays(t *testing.T) {
	t.Parallel()
	nettest.RequireTool(t, "ip", "ping")
	const echoes, payload = 5, 100
	node, a, b := bridgedPods(t)
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	s.during(t, c, func() {
		a.Exec(t, fmt.Sprintf("ping -q -c %d -i 0.01 -s %d 198.18.1.3", echoes, payload))
		a.Exec(t, fmt.Sprintf("ping -q -c %d -i 0.01 -s %d fd00:1::3", echoes, payload))
	})
	s.requireKernelAgrees(t, c, node.Namespace, a.HostEnd, b.HostEnd)
	s.close(t, c)
	s.requireIdentity(t)
	for _, test := range []struct {
		proto    uint8
		from, to string
		header   uint64
	}{
		{flow.ICMP, "198.18.1.2:0", "198.18.1.3:0", ethernet + ip4 + 8},
		{flow.ICMPv6, "[fd00:1::2]:0", "[fd00:1::3]:0", ethernet + ip6 + 8},
	} {
		want := flow.Count{Packets: echoes, Bytes: echoes * (payload + test.header)}
		request, answer := tuple(test.proto, test.from, test.to), tuple(test.proto, test.to, test.from)
		for _, t2 := range []flow.Tuple{request, answer} {
			require.Equal(t, want, s.between(t2).Sent)
			require.Equal(t, want, s.between(t2).Delivered)
		}
	}
}

// All fragments of a datagram count in the entry of its ports, each with its own headers.
func TestFragmentsCountWithTheirDatagram(t *testing.T) {
	t.Parallel()
	const datagrams, payload = 100, 4000
	node, a, b := bridgedPods(t)
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	for _, test := range []struct {
		from, to string
		headers  uint64 // of a fragment; three carry the datagram
	}{
		{"198.18.1.2:7", "198.18.1.3:9", ethernet + ip4},
		{"[fd00:1::2]:7", "[fd00:1::3]:9", ethernet + ip6 + 8},
	} {
		arrived := received(t, b.Namespace, test.to)
		sender := dialUDP(t, a.Namespace, test.from, test.to)
		s.during(t, c, func() { sender.send(datagrams, payload) })
		s.until(t, c, "all are put together", func() bool { return arrived() == datagrams })
		want := flow.Count{Packets: 3 * datagrams, Bytes: datagrams * (3*test.headers + udp + payload)}
		s.until(t, c, "all are counted", func() bool { return s.between(tuple(flow.UDP, test.from, test.to)).Sent == want })
		got := s.between(tuple(flow.UDP, test.from, test.to))
		require.Equal(t, want, got.Delivered)
		require.Equal(t, uint32(3*datagrams), got.Fragments)
		require.Equal(t, uint64(datagrams*payload), got.Payload)
	}
	s.requireKernelAgrees(t, c, node.Namespace, a.HostEnd, b.HostEnd)
	s.close(t, c)
	s.requireIdentity(t)
}

// What our hooks count of protocols without sockets here, whole frames show.
func TestOtherProtocolsAndTagsAreCounted(t *testing.T) {
	t.Parallel()
	const frames = 20
	node, pod := pairNode(t)
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	ends := openFrames(t, pod.Namespace)
	index := pod.Link(t, "eth0").Attrs().Index
	sctp := tuple(flow.SCTP, "198.18.1.2:7", "198.18.1.1:36412")
	sctp6 := tuple(flow.SCTP, "[fd00:1::2]:7", "[fd00:1::1]:36412")
	gre := tuple(47, "198.18.1.2:0", "198.18.1.1:0")
	vlan := tuple(flow.UDP, "198.18.1.2:8", "198.18.1.1:9")
	all := map[flow.Tuple][]byte{
		sctp:  frame4(sctp, ports(sctp, 12)),
		sctp6: frame6(sctp6, ports(sctp6, 12)),
		gre:   frame4(gre, make([]byte, 4)),
		vlan:  tagged(frame4(vlan, ports(vlan, udp)), 100),
	}
	for range frames {
		for _, frame := range all {
			ends.sendBy(index, frame)
		}
		ends.sendBy(index, all[sctp][:20]) // malformed: cut in the IPv4 header
	}
	s.until(t, c, "all were seen", func() bool { return s.seen(pod.HostEnd, false).Malformed.Packets == frames })
	s.close(t, c)
	s.requireIdentity(t)
	for of, frame := range all {
		length := len(frame)
		if of == vlan {
			length -= 4 // the kernel takes the tag off before any hook
		}
		require.Equal(t, flow.Count{Packets: frames, Bytes: uint64(frames * length)}, s.between(of).Sent, "%v", of)
	}
	require.Equal(t, flow.Count{Packets: frames, Bytes: frames * 20}, s.seen(pod.HostEnd, false).Malformed)
}

// A VLAN of a pod's pair: its packets are tagged at the pair, and are handed over at the VLAN's device.
func TestVLANOfAPairIsCountedAtBoth(t *testing.T) {
	t.Parallel()
	const packets = 50
	node, pod := pairNode(t)
	for in, prefix := range map[*nettest.Namespace]string{node.Namespace: "198.18.7.1/24", pod.Namespace: "198.18.7.2/24"} {
		parent := "eth0"
		if in == node.Namespace {
			parent = pod.HostEnd
		}
		a := nettest.Attrs("vlan7", 0)
		a.ParentIndex = in.Link(t, parent).Attrs().Index
		in.AddLink(t, &netlink.Vlan{LinkAttrs: a, VlanId: 7, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
		in.AddAddress(t, "vlan7", prefix)
		in.Up(t, "vlan7")
	}
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	arrived := received(t, node.Namespace, "198.18.7.1:9")
	sender := dialUDP(t, pod.Namespace, "198.18.7.2:7", "198.18.7.1:9")
	s.during(t, c, func() { sender.send(packets, 100) })
	s.until(t, c, "all arrived", func() bool { return arrived() == packets })
	s.requireKernelAgrees(t, c, node.Namespace, pod.HostEnd)
	s.close(t, c)
	s.requireIdentity(t)
	got := s.between(tuple(flow.UDP, "198.18.7.2:7", "198.18.7.1:9"))
	require.Equal(t, uint64(packets), got.Sent.Packets)
	require.Equal(t, pod.HostEnd, got.SentIf.Name)
	require.Equal(t, udpFrames(packets, 100, false), got.Delivered)
	require.Equal(t, "vlan7", got.DeliveredIf.Name)
}

// A real association, where the kernel has SCTP.
func TestSCTPAssociationIsOneFlow(t *testing.T) {
	t.Parallel()
	node, a, b := bridgedPods(t)
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	defer s.close(t, c)
	server, client := sctpSocket(t, b.Namespace, "198.18.1.3:9"), sctpSocket(t, a.Namespace, "198.18.1.2:7")
	require.NoError(t, unix.Listen(server, 1))
	s.during(t, c, func() {
		require.NoError(t, unix.Connect(client, &unix.SockaddrInet4{Addr: [4]byte{198, 18, 1, 3}, Port: 9}))
		for range 10 {
			_, err := unix.Write(client, make([]byte, 100))
			require.NoError(t, err)
		}
	})
	of := tuple(flow.SCTP, "198.18.1.2:7", "198.18.1.3:9")
	s.until(t, c, "both ends were seen", func() bool {
		return s.between(of).Sent.Packets >= 12 && s.between(of.Reverse()).Sent.Packets >= 2
	})
	require.Equal(t, s.between(of).Sent, s.between(of).Delivered)
}

func sctpSocket(t *testing.T, in *nettest.Namespace, address string) (fd int) {
	t.Helper()
	in.Do(t, func() {
		var err error
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
		nettest.RequireKernel(t, "SCTP", err)
		t.Cleanup(func() { _ = unix.Close(fd) })
		require.NoError(t, unix.Bind(fd, sockaddr(netip.MustParseAddrPort(address))))
	})
	return fd
}
