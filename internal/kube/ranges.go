package kube

import (
	"net/netip"
	"slices"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// prefix is a range of addresses; bits counts from the start of the 128, so
// that IPv4's /24 is 120. Host bits are zero.
type prefix struct {
	addr flow.Addr
	bits uint8
}

func prefixOf(text string) (prefix, bool) {
	p, err := netip.ParsePrefix(text)
	// A range of all addresses would make everybody a pod.
	if err != nil || p.Bits() == 0 {
		return prefix{}, false
	}
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	return mask(flow.AddrFrom(p.Addr()), uint8(bits)), true
}

func prefixesOf(texts []string) []prefix {
	var all []prefix
	for _, text := range texts {
		if len(all) == maxAddrs {
			break
		}
		if p, ok := prefixOf(text); ok {
			all = append(all, p)
		}
	}
	return all
}

func mask(a flow.Addr, bits uint8) prefix {
	whole := int(bits / 8)
	if rest := bits % 8; rest != 0 {
		a[whole] &= 0xff << (8 - rest)
		whole++
	}
	clear(a[whole:])
	return prefix{a, bits}
}

// offset is how far a lies from the start of the range, and at most 255.
func (p prefix) offset(a flow.Addr) uint8 {
	for i := range len(a) - 1 {
		if a[i] != p.addr[i] {
			return 255
		}
	}
	return a[len(a)-1] - p.addr[len(a)-1]
}

// ranges finds the longest prefix that holds an address. A cluster has
// thousands of prefixes, but of one or two lengths.
type ranges[V comparable] struct {
	of      map[prefix]V
	lengths []uint8       // in use, longest first
	count   map[uint8]int // of prefixes by length
}

func newRanges[V comparable]() ranges[V] {
	return ranges[V]{of: map[prefix]V{}, count: map[uint8]int{}}
}

func (r *ranges[V]) put(p prefix, v V) {
	if _, known := r.of[p]; !known {
		if r.count[p.bits]++; r.count[p.bits] == 1 {
			r.lengths = append(r.lengths, p.bits)
			slices.SortFunc(r.lengths, func(a, b uint8) int { return int(b) - int(a) })
		}
	}
	r.of[p] = v
}

// remove takes the prefix away if it is v's.
func (r *ranges[V]) remove(p prefix, v V) {
	if have, known := r.of[p]; !known || have != v {
		return
	}
	delete(r.of, p)
	if r.count[p.bits]--; r.count[p.bits] == 0 {
		delete(r.count, p.bits)
		r.lengths = slices.DeleteFunc(r.lengths, func(bits uint8) bool { return bits == p.bits })
	}
}

func (r *ranges[V]) find(a flow.Addr) (prefix, V, bool) {
	for _, bits := range r.lengths {
		p := mask(a, bits)
		if v, ok := r.of[p]; ok {
			return p, v, true
		}
	}
	var none V
	return prefix{}, none, false
}
