package feed

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// oracle is the look-up as one would explain it: all entries, one after another.
type oracle struct{ bad, private, good []string }

// best is the most specific of the entries that hold what is asked, the first of
// those that are the same.
func best(entries []string, what string) string {
	best, length := "", -1
	for _, e := range entries {
		if n := covers(e, what); n > length {
			best, length = e, n
		}
	}
	return best
}

// covers is how specific an entry is that holds what is asked, -1 if it does not.
func covers(entry, what string) int {
	a, err := netip.ParseAddr(what)
	p, isPrefix := parsePrefix(entry)
	switch {
	case err == nil && isPrefix && p.Contains(a):
		return p.Bits()
	case err == nil || isPrefix:
		return -1
	case what == entry || strings.HasSuffix(what, "."+entry):
		return len(entry)
	}
	return -1
}

func (o oracle) match(what string) string {
	found := best(o.private, what)
	if found == "" {
		found = best(o.bad, what)
		if a, err := netip.ParseAddr(what); err == nil && special.Contains(a) {
			return ""
		}
	}
	if best(o.good, what) != "" {
		return ""
	}
	return found
}

// crowded makes entries and questions of a small world, so that they meet.
func crowded(r *rand.Rand) string {
	tail := []string{"example", "a.example", "b.a.example", "co.example", "github.example"}[r.IntN(5)]
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("198.18.%d.%d", r.IntN(4), r.IntN(16))
	case 1:
		return fmt.Sprintf("10.0.%d.%d", r.IntN(2), r.IntN(16))
	case 2:
		return fmt.Sprintf("2a00:%x::%x", r.IntN(3), r.IntN(16))
	case 3:
		return fmt.Sprintf("x%d.%s", r.IntN(20), tail)
	}
	return fmt.Sprintf("y%d.x%d.%s", r.IntN(4), r.IntN(20), tail)
}

func crowdedEntry(r *rand.Rand) string {
	e := crowded(r)
	if a, err := netip.ParseAddr(e); err == nil && r.IntN(3) == 0 {
		p, _ := a.Prefix(a.BitLen() - r.IntN(a.BitLen()/2))
		return p.String()
	}
	return e
}

func TestLookUpsAgreeWithALinearScan(t *testing.T) {
	for seed := range uint64(200) {
		r := seeded(seed)
		var o oracle
		for range r.IntN(60) {
			o.bad = append(o.bad, crowdedEntry(r))
		}
		for range r.IntN(10) {
			o.private = append(o.private, crowdedEntry(r))
		}
		for range r.IntN(5) {
			o.good = append(o.good, crowdedEntry(r))
		}
		var sets []*set
		add := func(from reading, entries []string) {
			// In two lists, so that entries meet those of others.
			for _, half := range [][]string{entries[:len(entries)/2], entries[len(entries)/2:]} {
				if len(half) > 0 {
					sets = append(sets, from.mustParse(t, strings.Join(half, "\n")))
				}
			}
		}
		add(readingOf(List), o.bad)
		add(private(List), o.private)
		add(allowing(List), o.good)
		s := snapshotOf(sets...)
		for range 500 {
			what := crowded(r)
			want, got := o.match(what), matched(s, what)
			_, got, _ = strings.Cut(got, " ")
			require.Equal(t, canonical(want), got, "seed %d: %s", seed, what)
		}
	}
}

// canonical is how a match writes an entry.
func canonical(entry string) string {
	p, ok := parsePrefix(entry)
	switch {
	case !ok:
		return entry
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}
