package names

import (
	"hash/maphash"
	"iter"
	"strings"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// suffixes are the domains of search lists, each for its three forms. What a search is
// stands in the package's comment.
type suffixes []string

func newSuffixes(domains []string) (s suffixes) {
	for _, d := range domains {
		s = append(s, string(appendName(nil, []byte(d))))
	}
	return s
}

// goesOn tells whether a resolver that got NXDOMAIN for failed and then asks for
// next walks through its search list, and how much of next is B: rule 1, and rule 2 for two
// suffixes that are known. Names are canonical.
func (s suffixes) goesOn(failed, next string) (base int, ok bool) {
	if candidate(failed, next) {
		return len(next), true
	}
	for i, domain := range s {
		rest, ok := cutDomain(failed, domain)
		for form := plain; ok && form < forms; form++ {
			if candidate(next, rest) {
				if other := s.form(next[len(rest)+1:]); other >= 0 && other != i*forms+form {
					return len(rest), true
				}
			}
			rest, ok = cutForm(rest, form)
		}
	}
	return 0, false
}

// candidate tells whether name is base with something appended.
func candidate(name, base string) bool {
	return len(name) > len(base)+1 && name[len(base)] == '.' && name[:len(base)] == base
}

// forms that a suffix of the list has, in the order of pods' search lists from the end.
const (
	plain     = iota // cluster.local
	service          // svc.cluster.local
	namespace        // <namespace>.svc.cluster.local
	forms
)

// cutForm cuts what the form after this one has more: svc, then the namespace.
func cutForm(name string, form int) (string, bool) {
	if form == plain {
		return cutDomain(name, "svc")
	}
	dot := strings.LastIndexByte(name, '.')
	return name[:max(dot, 0)], dot > 0
}

// form is which suffix that is: index in the list * forms + form; -1 if none.
func (s suffixes) form(suffix string) int {
	for i, domain := range s {
		rest, ok := cutDomain(suffix, domain)
		switch {
		case suffix == domain:
			return i*forms + plain
		case !ok:
			continue
		case rest == "svc":
			return i*forms + service
		}
		if of, ok := cutDomain(rest, "svc"); ok && strings.IndexByte(of, '.') < 0 {
			return i*forms + namespace
		}
	}
	return -1
}

func cutDomain(name, domain string) (string, bool) {
	n := len(name) - len(domain)
	if n < 2 || name[n-1] != '.' || name[n:] != domain {
		return "", false
	}
	return name[:n-1], true
}

// maxAlike bounds how many NXDOMAINs are compared with a name.
const maxAlike = 32

// patience is how long an NXDOMAIN waits for what the resolver does next: it may
// have to wait for the other type's answer until that times out.
func (t *Transactions) patience() flow.Nanos { return t.timeout + flow.Nanos(1e9) }

// wentOn releases the NXDOMAINs that the resolver goes on from with entry i.
func (t *Transactions) wentOn(i int32) {
	e := &t.table.items[i]
	over := 0 // length of a B whose search has ended since
	for failed := range t.alike(e) {
		if failed.endsSearch() && candidate(e.Name, failed.Name) {
			over = len(failed.Name)
		} else if base, ok := t.goesOn(failed, e.Name); ok && base != over {
			e.base = uint16(base)
			break
		}
	}
	if e.base == 0 {
		return
	}
	base := e.Name[:e.base]
	t.release(e, func(failed *entry) bool {
		return candidate(failed.Name, base) && failed.Name != e.Name && !failed.endsSearch()
	})
}

// goesOn is that of suffixes with what is known of failed.
func (t *Transactions) goesOn(failed *entry, next string) (base int, ok bool) {
	switch base = int(failed.base); {
	case failed.endsSearch(), failed.began && next == failed.Name[:base]:
		return 0, false
	case base > 0 && candidate(next, failed.Name[:base]):
		return base, true
	}
	return t.suffixes.goesOn(failed.Name, next)
}

// endsSearch tells whether the name is one that a program gave, and a search ended with
// it or began with it: it is no candidate of another.
func (e *entry) endsSearch() bool { return int(e.base) == len(e.Name) }

// beginsSearch tells whether name is a candidate of a search that began with e.
func (e *entry) beginsSearch(name string) bool {
	return (e.began || !e.endsSearch()) && candidate(name, e.Name) && strings.IndexByte(e.Name, '.') >= 0
}

// succeeded ends the search that entry i is of, and releases the NXDOMAINs for the
// name that it began with: rule 4.
func (t *Transactions) succeeded(i int32) {
	e := &t.table.items[i]
	for failed := range t.alike(e) {
		if candidate(failed.Name, e.Name[:e.base]) && !failed.began && !failed.endsSearch() {
			failed.base = 0 // the search is over
		}
	}
	t.release(e, func(failed *entry) bool { return failed.beginsSearch(e.Name) })
}

// release hands over the held NXDOMAINs of the client that are a search's.
func (t *Transactions) release(e *entry, searched func(failed *entry) bool) {
	for failed, j := range t.alike(e) {
		if failed.state == held && searched(failed) {
			failed.Searched = true
			t.finish(j, answered, failed.since)
		}
	}
}

// reached tells whether entry i, an NXDOMAIN, is a search's that began with the
// name as it is: rule 3. If so it is marked.
func (t *Transactions) reached(i int32) bool {
	e := &t.table.items[i]
	for before := range t.alike(e) {
		if before.since <= e.Asked && before.beginsSearch(e.Name) {
			before.base, before.began = uint16(len(before.Name)), true
			e.base, e.began, e.Searched = before.base, true, true
		}
	}
	return e.Searched
}

// alike are the last NXDOMAINs that can be of one search with e.
func (t *Transactions) alike(e *entry) iter.Seq2[*entry, int32] {
	return func(yield func(*entry, int32) bool) {
		j := t.table.labels[e.label]
		for n := 0; j != none && n < maxAlike; n++ {
			x := &t.table.items[j]
			older := x.older
			if x.Client == e.Client && !yield(x, j) {
				return
			}
			j = older
		}
	}
}

// hashLabel is the same for all candidates of a client's search: they have
// the first label in common.
func (t *table) hashLabel(client flow.Addr, name string) uint64 {
	label, _, _ := strings.Cut(name, ".")
	return maphash.Bytes(t.seed, client[:]) ^ maphash.String(t.seed, label)
}

// enlabel adds an NXDOMAIN to those with its label.
func (t *table) enlabel(i int32) {
	e := &t.items[i]
	e.older = t.labels[e.label]
	if e.older != none {
		t.items[e.older].younger = i
	}
	t.labels[e.label] = i
}

// unlabel takes it out.
func (t *table) unlabel(i int32) {
	e := &t.items[i]
	if e.older != none {
		t.items[e.older].younger = e.younger
	}
	switch {
	case e.younger != none:
		t.items[e.younger].older = e.older
	case e.older != none:
		t.labels[e.label] = e.older
	default:
		delete(t.labels, e.label)
	}
	e.older, e.younger = none, none
}
