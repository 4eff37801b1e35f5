package flow

import (
	"cmp"
	"net/netip"
	"strconv"
)

// Protocol numbers (IANA) that this module treats by name.
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
	SCTP   = 132
)

// ProtocolName is the value of network.transport: the lower-case keyword of
// IANA's registry for the common ones, the number in decimal for the rest.
func ProtocolName(proto uint8) string {
	switch proto {
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMPv6:
		return "icmpv6"
	case SCTP:
		return "sctp"
	}
	return strconv.Itoa(int(proto))
}

// Addr is an IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2), or an IPv6
// address, in network byte order. Unlike netip.Addr it holds no pointer, so
// that tables of a hundred thousand keys cost the garbage collector nothing.
type Addr [16]byte

// AddrFrom converts from netip; zones are dropped, the zero Addr gives ::.
func AddrFrom(a netip.Addr) Addr { return a.As16() }

// Netip converts to netip, with IPv4 unmapped.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// Is4 tells whether the address is IPv4.
func (a Addr) Is4() bool { return netip.AddrFrom16(a).Is4In6() }

// Key identifies a connection in both directions: A is the endpoint that is
// smaller by address and then by port. Ports are in host byte order and 0 where the
// protocol has none.
type Key struct {
	A, B         Addr
	PortA, PortB uint16
	Proto        uint8
}

// Direction indexes the two directions of a Key.
type Direction uint8

const (
	AtoB Direction = iota
	BtoA
)

// Reverse is the other direction.
func (d Direction) Reverse() Direction { return d ^ 1 }

// Tuple is a 5-tuple as one packet carries it.
type Tuple struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16
	Proto            uint8
}

// Tuple is the key as packets of direction d carry it.
func (k *Key) Tuple(d Direction) Tuple {
	if d == AtoB {
		return Tuple{k.A, k.B, k.PortA, k.PortB, k.Proto}
	}
	return Tuple{k.B, k.A, k.PortB, k.PortA, k.Proto}
}

// Reverse is the tuple of the answer.
func (t Tuple) Reverse() Tuple {
	return Tuple{t.Dst, t.Src, t.DstPort, t.SrcPort, t.Proto}
}

// Key orders the tuple; the direction says which of the key's two it is.
func (t Tuple) Key() (Key, Direction) {
	if less(t.Dst, t.DstPort, t.Src, t.SrcPort) {
		return Key{t.Dst, t.Src, t.DstPort, t.SrcPort, t.Proto}, BtoA
	}
	return Key{t.Src, t.Dst, t.SrcPort, t.DstPort, t.Proto}, AtoB
}

func less(a Addr, pa uint16, b Addr, pb uint16) bool {
	for i := range a {
		if c := cmp.Compare(a[i], b[i]); c != 0 {
			return c < 0
		}
	}
	return pa < pb
}
