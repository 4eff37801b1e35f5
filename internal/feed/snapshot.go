package feed

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// Source is what the configuration says of a list.
type Source struct {
	Name       string
	Allow      bool   // its entries are harmless
	Severity   string // of what it finds: low, medium, high or critical
	Category   string // the user's word for what is on it
	Confidence int    // in per cent; 0 if the user did not say
	Private    bool   // its entries may be private or of the cluster
}

// Match is the entry that an address or a name met. It keeps the whole list in
// memory: take from it what is to stay.
type Match struct {
	Source *Source
	Kind   Kind
	Note   string // what the list calls it, such as a malware's name; mostly empty

	part part
	i    uint32
}

// Entry is the entry as text: an address, a range or a name. It allocates.
func (m Match) Entry() string {
	switch s := m.part.set; m.part.kind {
	case inV4:
		return addr4(s.v4.keys[m.i]).String()
	case inV6:
		return netip.AddrFrom16(s.v6.keys[m.i]).String()
	case inNets4:
		return s.net4(m.i).String()
	case inNets6:
		return s.net6(m.i).String()
	default:
		return string(s.name(m.i))
	}
}

// Snapshot is what all lists say together. It is immutable; its methods are safe
// for concurrent use and do not allocate.
type Snapshot struct {
	generation uint64
	ends       int64 // when the first entry ends, 0 if none does
	private    *layer
	public     *layer
	allow      *layer
	notPublic  *bart.Lite
	cluster    func(netip.Addr) bool
}

// newSnapshot merges the sets, in the order of the configuration.
func newSnapshot(sets []*set, now int64, generation uint64, notPublic *bart.Lite, cluster func(netip.Addr) bool) *Snapshot {
	var private, public, allow []*set
	for _, s := range sets {
		switch {
		case s.source.Allow:
			allow = append(allow, s)
		case s.source.Private:
			private = append(private, s)
		default:
			public = append(public, s)
		}
	}
	s := &Snapshot{generation: generation, notPublic: notPublic, cluster: cluster}
	var ends [3]int64
	s.private, ends[0] = newLayer(private, now)
	s.public, ends[1] = newLayer(public, now)
	s.allow, ends[2] = newLayer(allow, now)
	for _, e := range ends {
		if e != 0 {
			s.ends = earlier(s.ends, e)
		}
	}
	return s
}

// Generation grows with each change of what the lists say: what was judged under
// another generation can be judged again.
func (s *Snapshot) Generation() uint64 { return s.generation }

// Address finds the entry that says that an address is bad.
func (s *Snapshot) Address(a netip.Addr) (Match, bool) {
	a = a.Unmap().WithZone("")
	from := s.private
	entry, ok := from.address(a)
	if !ok {
		from = s.public
		if entry, ok = from.address(a); !ok || s.notPublic.Contains(a) || s.cluster(a) {
			return Match{}, false
		}
	}
	if _, allowed := s.allow.address(a); allowed {
		return Match{}, false
	}
	return from.match(entry), true
}

// Name finds the entry that says that a name of the DNS, or one above it, is bad.
// The case does not matter, nor does a dot at the end.
func (s *Snapshot) Name(name string) (Match, bool) {
	var buf [maxName]byte
	ascii, labels := lower(&buf, name)
	if labels == 0 {
		return Match{}, false
	}
	from := s.private
	entry, ok := from.name(ascii, labels)
	if !ok {
		from = s.public
		entry, ok = from.name(ascii, labels)
	}
	if !ok {
		return Match{}, false
	}
	if _, allowed := s.allow.name(ascii, labels); allowed {
		return Match{}, false
	}
	return from.match(entry), true
}

func (l *layer) match(entry uint32) Match {
	p, i := l.part(entry)
	t := p.set.tags[p.tag(i)]
	m := Match{Source: p.set.source, Note: t.note, part: p, i: i}
	switch {
	case t.url:
		m.Kind = URL
	case p.kind == inNames:
		m.Kind = Domain
	case p.kind == inNets4 || p.kind == inNets6:
		m.Kind = Range
	}
	return m
}
