package policy

import (
	"hash/maphash"
	"slices"
	"strings"
	"unique"
)

// word is a string that is stored once and compared by its address.
type word = unique.Handle[string]

// Keys that no object can carry, since they are no valid label keys: what
// Cilium's selectors ask besides labels.
const (
	namespaceNameKey  = "\x00namespace"
	serviceAccountKey = "\x00serviceaccount"
)

type label struct{ key, value word }

// labelSet is a distinct set of labels, shared by all that carry it: pods,
// namespaces and nodes. Bit 0 of matches is not used.
type labelSet struct {
	labels  []label  // sorted by key
	matches []uint64 // bit i: the selector with number i selects it
	hash    uint64
	users   int
	at      int // its place in table.sets
}

// is tells whether the selector selects the set.
func (s *labelSet) is(id selectorID) bool {
	return id == everything || s.matches[id/64]&(1<<(id%64)) != 0
}

// assign notes whether the selector selects the set.
func (s *labelSet) assign(id selectorID, selected bool) {
	if selected {
		s.matches[id/64] |= 1 << (id % 64)
	} else {
		s.matches[id/64] &^= 1 << (id % 64)
	}
}

func (s *labelSet) value(key word) (word, bool) {
	for i := range s.labels {
		if s.labels[i].key == key {
			return s.labels[i].value, true
		}
	}
	return word{}, false
}

// wordsOf sorts and interns labels.
func wordsOf(all map[string]string, more ...[2]string) []label {
	pairs := make([][2]string, 0, len(all)+len(more))
	for k, v := range all {
		pairs = append(pairs, [2]string{k, v})
	}
	for _, p := range more {
		if p[1] != "" {
			pairs = append(pairs, p)
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	labels := make([]label, len(pairs))
	for i, p := range pairs {
		// A clone: the string may be a part of a whole object's text.
		labels[i] = label{unique.Make(strings.Clone(p[0])), unique.Make(strings.Clone(p[1]))}
	}
	return labels
}

func hashOf(seed maphash.Seed, labels []label) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, l := range labels {
		maphash.WriteComparable(&h, l)
	}
	return h.Sum64()
}
