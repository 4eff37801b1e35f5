package feed

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"

	"github.com/gaissmai/bart"
)

// layer finds the entries of some sets. The sets keep the entries; what is made
// here are a hash table of addresses and names (open addressing, linear probing, at
// most three quarters full) and a prefix table of the ranges.
//
// Nearly every question is about what is on no list. Its answer takes one byte of
// marks; those of a million entries are 2 MB, which mostly stay in the cache.
type layer struct {
	seed  maphash.Seed
	marks []uint8  // by slot: a byte of the hash, never 0; 0 is free
	slots []uint32 // number of the entry
	parts []part   // by base
	nets  bart.Table[uint32]

	minLabels, maxLabels int // of the names
}

// part is a column of a set, whose entries are numbered from base.
type part struct {
	base uint32
	kind columnKind
	set  *set
}

type columnKind uint8

const (
	inV4 columnKind = iota
	inV6
	inNets4
	inNets6
	inNames
)

// newLayer merges sets; of the same entry in two the first set's stays. ends is
// when the first of the entries that are in ends, 0 if none does.
func newLayer(sets []*set, now int64) (l *layer, ends int64) {
	l = &layer{seed: maphash.MakeSeed(), minLabels: maxLabels}
	singles := 0
	for _, s := range sets {
		singles += len(s.v4.keys) + len(s.v6.keys) + s.names
	}
	if singles > 0 {
		n := 1 << bits.Len(uint(singles+singles/3))
		l.marks, l.slots = make([]uint8, n), make([]uint32, n)
	}
	m := merge{layer: l, now: now}
	for _, s := range sets {
		m.add(s)
	}
	return l, m.ends
}

// merge is the work on a new layer.
type merge struct {
	*layer
	now, ends int64
	entries   uint32 // numbered so far
}

func (m *merge) add(s *set) {
	for i, key := range m.each(s, inV4, len(s.v4.keys)) {
		k := s.v4.keys[i]
		if m.holds(s, s.v4.tag(i)) {
			m.put(m.hash4(k), key, sameV4(k))
		}
	}
	for i, key := range m.each(s, inV6, len(s.v6.keys)) {
		k := s.v6.keys[i]
		if m.holds(s, s.v6.tag(i)) {
			m.put(m.hash(k[:]), key, sameV6(k))
		}
	}
	for i, key := range m.each(s, inNets4, len(s.nets4.keys)) {
		if m.holds(s, s.nets4.tag(i)) {
			m.putNet(s.net4(i), key)
		}
	}
	for i, key := range m.each(s, inNets6, len(s.nets6.keys)) {
		if m.holds(s, s.nets6.tag(i)) {
			m.putNet(s.net6(i), key)
		}
	}
	m.addNames(s)
}

// addNames numbers names by their place in the text.
func (m *merge) addNames(s *set) {
	base := m.number(s, inNames, len(s.text))
	for at := uint32(0); at < uint32(len(s.text)); {
		name := s.name(at)
		if tag := s.nameTag(at); m.holds(s, tag) {
			m.putName(name, s.tags[tag].exact, base+at)
		}
		at += nameHead + uint32(len(name))
	}
}

// number makes room for the numbers of n entries.
func (m *merge) number(s *set, kind columnKind, n int) (base uint32) {
	base = m.entries
	if n > 0 {
		m.parts = append(m.parts, part{base, kind, s})
		m.entries += uint32(n)
	}
	return base
}

// each numbers the n entries of a column.
func (m *merge) each(s *set, kind columnKind, n int) func(yield func(i, entry uint32) bool) {
	base := m.number(s, kind, n)
	return func(yield func(i, entry uint32) bool) {
		for i := range uint32(n) {
			if !yield(i, base+i) {
				return
			}
		}
	}
}

// holds tells whether an entry has not ended, and notes when it will.
func (m *merge) holds(s *set, tag uint16) bool {
	until := s.tags[tag].until
	if until == 0 {
		return true
	}
	if until <= m.now {
		return false
	}
	m.ends = earlier(m.ends, until)
	return true
}

func (m *merge) put(hash uint64, entry uint32, same func(part, uint32) bool) {
	if slot, _, known := m.probe(hash, same); !known {
		m.marks[slot], m.slots[slot] = mark(hash), entry
	}
}

func (m *merge) putNet(p netip.Prefix, entry uint32) {
	if _, known := m.nets.Get(p); !known {
		m.nets.Insert(p, entry)
	}
}

// putName lets a name that stands for all below it replace one that does not.
func (m *merge) putName(name []byte, exact bool, entry uint32) {
	hash := m.hash(name)
	slot, other, known := m.probe(hash, sameName(name))
	if known && (exact || !m.tagOf(other).exact) {
		return
	}
	m.marks[slot], m.slots[slot] = mark(hash), entry
	n := bytes.Count(name, []byte{'.'}) + 1
	m.minLabels, m.maxLabels = min(m.minLabels, n), max(m.maxLabels, n)
}

func sameV4(k uint32) func(part, uint32) bool {
	return func(p part, i uint32) bool { return p.kind == inV4 && p.set.v4.keys[i] == k }
}

func sameV6(k [16]byte) func(part, uint32) bool {
	return func(p part, i uint32) bool { return p.kind == inV6 && p.set.v6.keys[i] == k }
}

func sameName(name []byte) func(part, uint32) bool {
	return func(p part, at uint32) bool { return p.kind == inNames && string(p.set.name(at)) == string(name) }
}

func (l *layer) hash(key []byte) uint64 { return maphash.Bytes(l.seed, key) }

func (l *layer) hash4(a uint32) uint64 {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], a)
	return maphash.Bytes(l.seed, b[:])
}

// mark is a byte of the hash that the choice of the slot does not use.
func mark(hash uint64) uint8 { return uint8(hash>>56) | 1 }

// probe looks for an entry, and else for the slot where it would be. There must be slots.
func (l *layer) probe(hash uint64, same func(part, uint32) bool) (slot uint64, entry uint32, found bool) {
	mask, want := uint64(len(l.marks)-1), mark(hash)
	for slot = hash & mask; ; slot = (slot + 1) & mask {
		switch l.marks[slot] {
		case 0:
			return slot, 0, false
		case want:
			entry = l.slots[slot]
			if p, i := l.part(entry); same(p, i) {
				return slot, entry, true
			}
		}
	}
}

// part is where an entry is kept.
func (l *layer) part(entry uint32) (p part, i uint32) {
	low, high := 0, len(l.parts)
	for high-low > 1 {
		if middle := (low + high) / 2; l.parts[middle].base <= entry {
			low = middle
		} else {
			high = middle
		}
	}
	p = l.parts[low]
	return p, entry - p.base
}

// address finds the most specific entry that holds the address.
func (l *layer) address(a netip.Addr) (entry uint32, ok bool) {
	if len(l.marks) > 0 {
		if a.Is4() {
			k := uint4(a)
			_, entry, ok = l.probe(l.hash4(k), sameV4(k))
		} else {
			k := a.As16()
			_, entry, ok = l.probe(l.hash(k[:]), sameV6(k))
		}
		if ok {
			return entry, true
		}
	}
	if l.nets.Size() == 0 {
		return 0, false
	}
	return l.nets.Lookup(a)
}

// name finds the most specific entry that stands for the name.
func (l *layer) name(name []byte, labels int) (entry uint32, ok bool) {
	for rest := name; labels >= l.minLabels; labels-- {
		if labels <= l.maxLabels {
			_, entry, ok = l.probe(l.hash(rest), sameName(rest))
			if ok && (len(rest) == len(name) || !l.tagOf(entry).exact) {
				return entry, true
			}
		}
		rest = rest[bytes.IndexByte(rest, '.')+1:]
	}
	return 0, false
}

func (l *layer) tagOf(entry uint32) tag {
	p, i := l.part(entry)
	return p.set.tags[p.tag(i)]
}

func (p part) tag(i uint32) uint16 {
	switch p.kind {
	case inV4:
		return p.set.v4.tag(i)
	case inV6:
		return p.set.v6.tag(i)
	case inNets4:
		return p.set.nets4.tag(i)
	case inNets6:
		return p.set.nets6.tag(i)
	default:
		return p.set.nameTag(i)
	}
}
