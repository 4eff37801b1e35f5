package policy

import "math/bits"

// reach is the workload tier's policies of a namespace, or of the cluster, by
// whom they select: of a thousand a pod is asked about the few that do. It is
// immutable.
type reach struct {
	all    []*policy // sorted
	wide   []ranked  // that may select pods of any labels
	mask   []uint64  // the selectors of the others' subjects
	groups [][]ranked
	first  []int // by word of mask: the group of its lowest bit
}

// ranked is a policy with its place in the order.
type ranked struct {
	*policy
	rank int
}

func reachOf(all []*policy) *reach {
	if len(all) == 0 {
		return nil
	}
	r := &reach{all: all}
	by := map[selectorID][]ranked{}
	for i, p := range all {
		id := p.subject.pod
		if id == everything || p.subject.opaque || p.subject.kind == nodes {
			r.wide = append(r.wide, ranked{p, i})
			continue
		}
		if n := int(id/64) + 1 - len(r.mask); n > 0 {
			r.mask = append(r.mask, make([]uint64, n)...)
		}
		r.mask[id/64] |= 1 << (id % 64)
		by[id] = append(by[id], ranked{p, i})
	}
	for i, word := range r.mask {
		r.first = append(r.first, len(r.groups))
		for ; word != 0; word &= word - 1 {
			r.groups = append(r.groups, by[selectorID(i*64+bits.TrailingZeros64(word))])
		}
	}
	return r
}

// visit calls f for the policies that may select an end.
func (r *reach) visit(e *end, f func(ranked)) {
	if r == nil {
		return
	}
	for _, p := range r.wide {
		f(p)
	}
	if e.class != thePod {
		return
	}
	row := e.pod.labels.matches
	for i, subjects := range r.mask {
		for hits := subjects & row[i]; hits != 0; hits &= hits - 1 {
			below := subjects & (hits&-hits - 1)
			for _, p := range r.groups[r.first[i]+bits.OnesCount64(below)] {
				f(p)
			}
		}
	}
}

// list is all of them.
func (r *reach) list() []*policy {
	if r == nil {
		return nil
	}
	return r.all
}
