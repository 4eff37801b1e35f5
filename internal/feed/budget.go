package feed

import "sync"

// grain is how many entries are granted at once.
const grain = 4096

// budget bounds the entries of all lists together. While a list is read again, the
// larger of its two versions counts.
type budget struct {
	max int

	mu    sync.Mutex
	kept  []int // by list: entries of the version in use
	grown []int // granted to the version that is being read
}

func newBudget(lists, entries int) *budget {
	return &budget{max: entries, kept: make([]int, lists), grown: make([]int, lists)}
}

// grant gives a list leave for some more entries, 0 if there is no more room.
func (b *budget) grant(list int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := b.max - b.grown[list]
	for i := range b.kept {
		if i != list {
			room -= max(b.kept[i], b.grown[i])
		}
	}
	more := max(0, min(room, grain))
	b.grown[list] += more
	return more
}

// settle ends a reading: entries is how many the version in use has now.
func (b *budget) settle(list, entries int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept[list], b.grown[list] = entries, 0
}
