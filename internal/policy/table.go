package policy

import (
	"hash/maphash"
	"slices"
	"sync"
)

// batch is how many label sets are changed under one hold of the lock.
const batch = 1024

// table knows the distinct label sets and selectors, and which selects which.
// Only a writer looks into it; readers reach label sets through what was
// published to them, and mu guards the bits of those.
type table struct {
	mu        *sync.RWMutex
	seed      maphash.Seed
	byHash    map[uint64][]*labelSet
	sets      []*labelSet
	selectors []*selector // by number; nil where the number is free
	byText    map[string]selectorID
	free      []selectorID
	words     int // of each set's matches
	labels    int // of all sets
}

func newTable(mu *sync.RWMutex) table {
	return table{
		mu:     mu,
		seed:   maphash.MakeSeed(),
		byHash: map[uint64][]*labelSet{},
		byText: map[string]selectorID{},
		words:  1,

		selectors: make([]*selector, 1), // everything is in no table
	}
}

// useSet returns the set of these labels, which are sorted, with one user more.
func (t *table) useSet(labels []label) *labelSet {
	hash := hashOf(t.seed, labels)
	for _, s := range t.byHash[hash] {
		if slices.Equal(s.labels, labels) {
			s.users++
			return s
		}
	}
	s := &labelSet{labels: labels, matches: make([]uint64, t.words), hash: hash, users: 1, at: len(t.sets)}
	for id, sel := range t.selectors {
		if sel != nil && sel.selects(s) {
			s.assign(selectorID(id), true)
		}
	}
	t.byHash[hash] = append(t.byHash[hash], s)
	t.sets = append(t.sets, s)
	t.labels += len(labels)
	return s
}

// dropSet ends one use. Readers must not reach the set through that user any more.
func (t *table) dropSet(s *labelSet) {
	if s == nil {
		return
	}
	if s.users--; s.users > 0 {
		return
	}
	same := slices.DeleteFunc(t.byHash[s.hash], func(o *labelSet) bool { return o == s })
	if len(same) == 0 {
		delete(t.byHash, s.hash)
	} else {
		t.byHash[s.hash] = same
	}
	last := len(t.sets) - 1
	t.sets[s.at], t.sets[last].at = t.sets[last], s.at
	t.sets[last] = nil
	t.sets = t.sets[:last]
	t.labels -= len(s.labels)
}

// useSelector returns the number of the selector with these requirements, with
// one user more.
func (t *table) useSelector(all []requirement) selectorID {
	if len(all) == 0 {
		return everything
	}
	text := textOf(all)
	if id, known := t.byText[text]; known {
		t.selectors[id].users++
		return id
	}
	s := &selector{requirements: all, text: text, users: 1}
	id := t.number(s)
	t.byText[text] = id
	// Nobody asks for the number yet, so that the lock may be let go between.
	selected := make([]bool, min(batch, len(t.sets)))
	for sets := range slices.Chunk(t.sets, batch) {
		for i, set := range sets {
			selected[i] = s.selects(set)
		}
		t.mu.Lock()
		for i, set := range sets {
			set.assign(id, selected[i])
		}
		t.mu.Unlock()
	}
	return id
}

// number gives the selector a number, and makes the sets longer if there is no
// room for it.
func (t *table) number(s *selector) selectorID {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		t.selectors[id] = s
		return id
	}
	id := selectorID(len(t.selectors))
	t.selectors = append(t.selectors, s)
	if int(id) < t.words*64 {
		return id
	}
	t.words *= 2
	longer := make([][]uint64, min(batch, len(t.sets)))
	for sets := range slices.Chunk(t.sets, batch) {
		for i, set := range sets {
			longer[i] = make([]uint64, t.words)
			copy(longer[i], set.matches)
		}
		t.mu.Lock()
		for i, set := range sets {
			set.matches = longer[i]
		}
		t.mu.Unlock()
	}
	return id
}

// dropSelector ends one use. Readers must not ask for the number through that
// user any more.
func (t *table) dropSelector(id selectorID) {
	if id == everything {
		return
	}
	s := t.selectors[id]
	if s.users--; s.users > 0 {
		return
	}
	delete(t.byText, s.text)
	t.selectors[id] = nil
	t.free = append(t.free, id)
}
