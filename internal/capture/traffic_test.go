//go:build linux

package capture

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// Header lengths on the wire.
const (
	ethernet = 14
	ip4      = 20
	ip6      = 40
	udp      = 8
)

// udpFrames is what n datagrams are on the wire.
func udpFrames(n, payload uint64, v6 bool) flow.Count {
	header := uint64(ethernet + ip4 + udp)
	if v6 {
		header = ethernet + ip6 + udp
	}
	return flow.Count{Packets: n, Bytes: n * (header + payload)}
}

// tuple is a 5-tuple from its text.
func tuple(proto uint8, src, dst string) flow.Tuple {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return flow.Tuple{Src: flow.AddrFrom(s.Addr()), Dst: flow.AddrFrom(d.Addr()), SrcPort: s.Port(), DstPort: d.Port(), Proto: proto}
}

// toPort matches what is sent to a port.
func toPort(proto uint8, port uint16) func(flow.Tuple) bool {
	return func(t flow.Tuple) bool { return t.Proto == proto && t.DstPort == port }
}

// listenUDP binds a socket that reads nothing: datagrams are delivered to it, and
// dropped behind all hooks when it is full.
func listenUDP(t *testing.T, in *nettest.Namespace, address string) {
	t.Helper()
	in.Do(t, func() {
		conn, err := net.ListenPacket("udp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	})
}

// udpSender is a socket that sends datagrams from one address to another.
type udpSender struct {
	t    *testing.T
	fd   int
	sent uint64
}

func dialUDP(t *testing.T, in *nettest.Namespace, from, to string) *udpSender {
	t.Helper()
	s := &udpSender{t: t}
	in.Do(t, func() {
		src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
		family := unix.AF_INET
		if dst.Addr().Is6() {
			family = unix.AF_INET6
		}
		var err error
		s.fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Close(s.fd) })
		require.NoError(t, unix.Bind(s.fd, sockaddr(src)))
		require.NoError(t, unix.Connect(s.fd, sockaddr(dst)))
	})
	return s
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// send sends n datagrams; what the kernel had no room for is sent again.
func (s *udpSender) send(n, payload int) {
	message := make([]byte, payload)
	for range n {
		for {
			_, err := unix.Write(s.fd, message)
			if errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EINTR) {
				continue
			}
			if !assert.NoError(s.t, err) {
				return
			}
			s.sent++
			break
		}
	}
}

// droppedBy is how many packets a pod's device took from sockets and dropped, before any hook, because the
// other end had no time for them.
func droppedBy(t *testing.T, pod *nettest.Pod) uint64 {
	t.Helper()
	return pod.Link(t, "eth0").Attrs().Statistics.TxDropped
}

// frames is a packet socket of a namespace, which sends whole frames.
type frames struct {
	t  *testing.T
	fd int
}

func openFrames(t *testing.T, in *nettest.Namespace) *frames {
	t.Helper()
	f := &frames{t: t}
	in.Do(t, func() {
		var err error
		f.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
	})
	t.Cleanup(f.close)
	return f
}

// close ends the socket before the test does.
func (f *frames) close() {
	_ = unix.Close(f.fd)
	f.fd = -1
}

// sendBy sends a frame by the interface with the index; what the kernel had no room for is sent again.
func (f *frames) sendBy(index int, frame []byte) {
	for {
		err := unix.Sendto(f.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: index})
		if !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) {
			require.NoError(f.t, err)
			return
		}
	}
}
