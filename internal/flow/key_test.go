package flow

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func tuple(src, dst string) Tuple {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return Tuple{AddrFrom(s.Addr()), AddrFrom(d.Addr()), s.Port(), d.Port(), TCP}
}

// A is the smaller end by address and then by port; both directions have one key.
func TestKeyOrdersTheEnds(t *testing.T) {
	for _, test := range []struct{ low, high string }{
		{"198.18.0.1:80", "198.18.0.2:80"},
		{"198.18.0.1:90", "198.18.0.2:80"},
		{"198.18.0.1:80", "198.18.0.1:81"},
		{"198.18.0.255:1", "198.18.1.0:1"},
		{"198.18.0.1:80", "[fd00::1]:80"},
		{"[fd00::1]:1", "[fd00::1]:256"},
		{"[::1]:1", "198.18.0.1:1"},
	} {
		up, down := tuple(test.low, test.high), tuple(test.high, test.low)
		key, d := up.Key()
		require.Equal(t, AtoB, d, test)
		require.Equal(t, up, key.Tuple(AtoB))
		require.Equal(t, down, key.Tuple(BtoA))
		same, d := down.Key()
		require.Equal(t, BtoA, d, test)
		require.Equal(t, key, same)
		require.Equal(t, down, up.Reverse())
	}
}

func TestKeyOfRandomTuples(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	end := func() (a Addr, port uint16) {
		a[15], a[3] = byte(random.IntN(3)), byte(random.IntN(2)) // often equal
		return a, uint16(random.IntN(3))
	}
	for range 10000 {
		var tup Tuple
		tup.Src, tup.SrcPort = end()
		tup.Dst, tup.DstPort = end()
		key, d := tup.Key()
		require.Equal(t, tup, key.Tuple(d))
		other, _ := tup.Reverse().Key()
		require.Equal(t, key, other)
	}
}

func TestAddr(t *testing.T) {
	for _, test := range []struct {
		text string
		is4  bool
	}{{"198.18.0.1", true}, {"fd00::1", false}, {"::", false}} {
		a := AddrFrom(netip.MustParseAddr(test.text))
		require.Equal(t, test.text, a.Netip().String())
		require.Equal(t, test.is4, a.Is4())
	}
	require.Equal(t, AddrFrom(netip.MustParseAddr("fe80::1")), AddrFrom(netip.MustParseAddr("fe80::1%eth0")))
	require.Equal(t, Addr{}, AddrFrom(netip.MustParseAddr("::")))
}

func TestWords(t *testing.T) {
	for proto, want := range map[uint8]string{ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPv6: "icmpv6", SCTP: "sctp", 47: "47"} {
		require.Equal(t, want, ProtocolName(proto))
	}
	require.Equal(t, []string{"External", "Pod", "Service", "Node"},
		[]string{External.String(), Pod.String(), Service.String(), Node.String()})
	require.Equal(t, []string{"none", "pod", "uplink"}, []string{NoRole.String(), PodSide.String(), Uplink.String()})
}
