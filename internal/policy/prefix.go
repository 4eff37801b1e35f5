package policy

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// prefix is a range of addresses of one family.
type prefix struct {
	hi, lo         uint64 // the address, IPv4 mapped into IPv6
	hiMask, loMask uint64
	is4            bool
}

// parsePrefix reads CIDR notation. Bits beyond the prefix length are ignored, as
// Kubernetes does.
func parsePrefix(text string) (prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix{}, fmt.Errorf("%q is no CIDR", text)
	}
	return prefixOf(p), nil
}

func prefixOf(p netip.Prefix) prefix {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	is4 := p.Addr().Is4() || p.Addr().Is4In6() && bits >= 96
	a := p.Addr().As16()
	out := prefix{
		hi: binary.BigEndian.Uint64(a[:8]), lo: binary.BigEndian.Uint64(a[8:]),
		hiMask: maskOf(bits), loMask: maskOf(bits - 64), is4: is4,
	}
	out.hi &= out.hiMask
	out.lo &= out.loMask
	return out
}

// maskOf has the first bits set, none if bits is negative.
func maskOf(bits int) uint64 {
	switch {
	case bits <= 0:
		return 0
	case bits >= 64:
		return ^uint64(0)
	}
	return ^uint64(0) << (64 - bits)
}

// address is a flow.Addr as it is compared with prefixes.
type address struct {
	hi, lo uint64
	is4    bool
}

func addressOf(a *flow.Addr) address {
	out := address{hi: binary.BigEndian.Uint64(a[:8]), lo: binary.BigEndian.Uint64(a[8:])}
	out.is4 = out.hi == 0 && out.lo>>32 == 0xffff
	return out
}

func (p *prefix) contains(a *address) bool {
	return p.is4 == a.is4 && a.hi&p.hiMask == p.hi && a.lo&p.loMask == p.lo
}
