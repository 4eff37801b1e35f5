//go:build linux

package capture

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// listener counts the datagrams that arrive at a socket.
type listener struct {
	fd  int
	got int
}

func listenCounting(t *testing.T, in *nettest.Namespace, address string) *listener {
	t.Helper()
	l := &listener{}
	at := netip.MustParseAddrPort(address)
	family := unix.AF_INET
	if at.Addr().Is6() {
		family = unix.AF_INET6
	}
	in.Do(t, func() {
		var err error
		l.fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Close(l.fd) })
		require.NoError(t, unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20))
		require.NoError(t, unix.Bind(l.fd, sockaddr(at)))
	})
	return l
}

// count takes what has arrived and returns how many there were in all.
func (l *listener) count() int {
	var buffer [1]byte
	for {
		if _, _, err := unix.Recvfrom(l.fd, buffer[:], 0); err != nil {
			return l.got
		}
		l.got++
	}
}
