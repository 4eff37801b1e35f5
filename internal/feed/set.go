package feed

import (
	"encoding/binary"
	"net/netip"
)

// Kind is what an entry is.
type Kind uint8

const (
	Address Kind = iota
	Range
	Domain
	URL // an entry that is a URL; matched is its host
	kinds
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Address, Range, Domain, URL} }

// String is the kind as an attribute's value.
func (k Kind) String() string {
	return [...]string{"address", "range", "domain", "url"}[k]
}

// set is what one version of one list says, packed: a list of a million addresses
// takes 4 MB. It is immutable once it is built.
type set struct {
	source *Source
	tags   []tag // what entries have in common; the first is the zero tag
	v4     column[uint32]
	v6     column[[16]byte]
	nets4  column[uint64] // address << 8 | bits
	nets6  column[net6]
	text   []byte // names: tag (2 bytes, little endian), length (1 byte), name
	names  int    // in text

	format  Format
	count   [kinds]int
	refused Refused
	sum     uint64 // of the content, to know it again
	size    int64  // bytes of the content
}

type net6 struct {
	addr [16]byte
	bits uint8
}

// tag is what is known of an entry besides itself.
type tag struct {
	note  string
	until int64 // Unix time, in seconds; 0 is for ever
	exact bool  // a name without those below it
	url   bool
}

// column holds the keys of one type.
type column[K any] struct {
	keys []K
	tags []uint16 // indices in set.tags; none while all are 0
}

func (c *column[K]) add(key K, tag uint16) {
	if tag != 0 && c.tags == nil {
		c.tags = make([]uint16, len(c.keys), cap(c.keys))
	}
	c.keys = append(c.keys, key)
	if c.tags != nil {
		c.tags = append(c.tags, tag)
	}
}

func (c *column[K]) tag(i uint32) uint16 {
	if c.tags == nil {
		return 0
	}
	return c.tags[i]
}

// pack gives back what append took in advance.
func (c *column[K]) pack() {
	c.keys = packed(c.keys)
	c.tags = packed(c.tags)
}

func packed[E any](s []E) []E {
	if cap(s)-len(s) <= cap(s)/16 {
		return s
	}
	return append(make([]E, 0, len(s)), s...)
}

func (s *set) entries() (n int) {
	for _, k := range s.count {
		n += k
	}
	return n
}

// understood is how much of the list made sense.
func (s *set) understood() int { return s.entries() + s.refused.understood() }

// name is the name at a place in text; the next one begins where it ends.
func (s *set) name(at uint32) []byte {
	start := at + nameHead
	return s.text[start : start+uint32(s.text[start-1])]
}

func (s *set) nameTag(at uint32) uint16 { return binary.LittleEndian.Uint16(s.text[at:]) }

// nameHead is how many bytes stand before a name.
const nameHead = 3

func (s *set) addName(name string, tag uint16) {
	s.text = binary.LittleEndian.AppendUint16(s.text, tag)
	s.text = append(append(s.text, uint8(len(name))), name...)
	s.names++
}

func (s *set) net4(i uint32) netip.Prefix {
	packed := s.nets4.keys[i]
	return netip.PrefixFrom(addr4(uint32(packed>>8)), int(uint8(packed)))
}

func (s *set) net6(i uint32) netip.Prefix {
	n := &s.nets6.keys[i]
	return netip.PrefixFrom(netip.AddrFrom16(n.addr), int(n.bits))
}

func addr4(a uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], a)
	return netip.AddrFrom4(b)
}

func uint4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}
