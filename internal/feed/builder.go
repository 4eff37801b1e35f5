package feed

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/gaissmai/bart"
)

// Bounds of what entries may have in common: beyond them notes are left off, and
// ends are rounded up.
const (
	maxNotes     = 4096
	maxExactEnds = 32768
	maxTags      = math.MaxUint16
)

// builder makes a set of what a parser finds.
type builder struct {
	set       *set
	public    bool // ranges that are not of the Internet are refused
	notPublic *bart.Lite
	now       time.Time
	maxAge    time.Duration
	grant     func() int // asks for leave to hold more entries; 0 if there is none
	granted   int

	tags  map[tag]uint16
	notes int
}

// address takes an address or a range. It returns false, and counts nothing, if the
// text is neither.
func (b *builder) address(at int, text string, t tag) bool {
	p, ok := parsePrefix(text)
	if !ok {
		return false
	}
	switch {
	case b.public && b.notPublic.LookupPrefix(p):
		b.refuse(at, text, NotPublic)
	case tooWide(p):
		b.refuse(at, text, TooWide)
	default:
		if i, ok := b.take(at, text, t); ok {
			b.addPrefix(p, i)
			b.count(t, p.IsSingleIP())
		}
	}
	return true
}

func (b *builder) addPrefix(p netip.Prefix, tag uint16) {
	s, a := b.set, p.Addr()
	switch single := p.IsSingleIP(); {
	case single && a.Is4():
		s.v4.add(uint4(a), tag)
	case single:
		s.v6.add(a.As16(), tag)
	case a.Is4():
		s.nets4.add(uint64(uint4(a))<<8|uint64(p.Bits()), tag)
	default:
		s.nets6.add(net6{a.As16(), uint8(p.Bits())}, tag)
	}
}

func (b *builder) count(t tag, single bool) {
	kind := Range
	switch {
	case t.url:
		kind = URL
	case single:
		kind = Address
	}
	b.set.count[kind]++
}

// name takes a name, or refuses the text.
func (b *builder) name(at int, text string, t tag) {
	name, ok := canonicalName(text)
	if !ok {
		b.refuse(at, text, Malformed)
		return
	}
	refused, onlyItself := suffixRule(name)
	if refused {
		b.refuse(at, text, PublicSuffix)
		return
	}
	t.exact = t.url || onlyItself
	i, ok := b.take(at, text, t)
	if !ok {
		return
	}
	b.set.addName(name, i)
	if t.url {
		b.set.count[URL]++
	} else {
		b.set.count[Domain]++
	}
}

// take finds the tag of an entry for which there is room.
func (b *builder) take(at int, text string, t tag) (tag uint16, ok bool) {
	if t.until != 0 && t.until <= b.now.Unix() {
		b.refuse(at, text, Expired)
		return 0, false
	}
	if b.granted == 0 {
		b.granted = b.grant()
	}
	if b.granted > 0 {
		if tag, ok = b.tagOf(t); ok {
			b.granted--
			return tag, true
		}
	}
	b.refuse(at, text, OverLimit)
	return 0, false
}

func (b *builder) tagOf(t tag) (uint16, bool) {
	if t == (tag{}) {
		return 0, true
	}
	if i, known := b.tags[t]; known {
		return i, true
	}
	if t.note != "" && b.notes == maxNotes {
		t.note = ""
		return b.tagOf(t)
	}
	const hour, month = 3600, 30 * 24 * 3600
	rounded := t
	switch n := len(b.set.tags); {
	case n >= maxTags-maxNotes:
		rounded.until = (t.until + month - 1) / month * month
	case n >= maxExactEnds:
		rounded.until = (t.until + hour - 1) / hour * hour
	}
	if rounded != t {
		if i, known := b.tags[rounded]; known {
			return i, true
		}
		t = rounded
	}
	if len(b.set.tags) == maxTags {
		return 0, false
	}
	if t.note != "" {
		b.notes++
	}
	i := uint16(len(b.set.tags))
	b.set.tags = append(b.set.tags, t)
	b.tags[t] = i
	return i, true
}

func (b *builder) refuse(at int, text string, why Reason) {
	b.set.refused.add(at, text, why)
}

// ageFrom is when an entry ends that was last seen then; 0 if it does not.
func (b *builder) ageFrom(seen time.Time) int64 {
	if b.maxAge == 0 {
		return 0
	}
	return max(1, seen.Add(b.maxAge).Unix())
}

// earlier is the earlier of two ends, of which the first may be none.
func earlier(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// onlyWholeNames makes every name stand for itself only.
func (b *builder) onlyWholeNames() {
	for i := range b.set.tags {
		b.set.tags[i].exact = true // which means nothing to addresses
	}
}

// dropNames counts all names as irrelevant.
func (b *builder) dropNames() {
	s := b.set
	s.refused.Count[Irrelevant] += s.names
	s.count[Domain], s.names, s.text = 0, 0, nil
}

// dropAll counts all entries as irrelevant.
func (b *builder) dropAll() {
	s := b.set
	s.refused.Count[Irrelevant] += s.entries()
	*s = set{source: s.source, tags: s.tags, format: s.format, refused: s.refused}
}

// note is a name that a list gives to an entry, short and as a copy.
func note(text string) string { return strings.Clone(clip(strings.TrimSpace(text))) }

// clip cuts a text to the length of an excerpt, and leaves no half character.
func clip(text string) string {
	if len(text) <= excerpt {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:excerpt], "\uFFFD")
}
