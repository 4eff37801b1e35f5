package kube

import (
	"math"
	"slices"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	// keepEnded is how long an address is still its last holder's: packets may
	// be asked about after their pod's end.
	keepEnded = flow.Nanos(60e9)
	// maxFormer bounds the former holders of an address that are remembered.
	maxFormer = 16
	// latest is later than any packet.
	latest = flow.Nanos(math.MaxInt64)
)

// tenancy says which pod held an address when. Nearly every address has one
// holder, so that the common case is one map entry.
type tenancy struct {
	newest  map[flow.Addr]*pod
	former  map[flow.Addr][]*pod // newest first
	dropped uint64               // holders forgotten for want of room
}

func newTenancy() tenancy {
	return tenancy{newest: map[flow.Addr]*pod{}, former: map[flow.Addr][]*pod{}}
}

// take makes p a holder of a, from p.from on.
func (t *tenancy) take(a flow.Addr, p *pod) {
	was := t.newest[a]
	if was == nil {
		t.newest[a] = p
		return
	}
	if p.from >= was.from {
		t.newest[a], p = p, was
	}
	older := t.former[a]
	at := slices.IndexFunc(older, func(q *pod) bool { return q.from <= p.from })
	if at < 0 {
		at = len(older)
	}
	older = slices.Insert(older, at, p)
	if len(older) > maxFormer {
		older = slices.Delete(older, maxFormer, len(older))
		t.dropped++
	}
	t.former[a] = older
}

// leave forgets that p held a.
func (t *tenancy) leave(a flow.Addr, p *pod) {
	older := t.former[a]
	if t.newest[a] == p {
		if len(older) == 0 {
			delete(t.newest, a)
			return
		}
		t.newest[a] = older[0]
		p = older[0]
	}
	older = slices.DeleteFunc(older, func(q *pod) bool { return q == p })
	if len(older) == 0 {
		delete(t.former, a)
		return
	}
	t.former[a] = older
}

// at is who held a at that time; nil if nobody did. A time before the first
// holder that is known goes to that one, because what we know of beginnings is
// late by seconds; so does a time at which nobody held it before the next.
func (t *tenancy) at(a flow.Addr, at flow.Nanos) *pod {
	p := t.newest[a]
	if p == nil || p.from <= at && p.gone(at) {
		return nil
	}
	if p.from <= at {
		return p
	}
	for _, q := range t.former[a] {
		if q.from > at {
			p = q
			continue
		}
		if !q.gone(at) {
			p = q
		}
		break
	}
	return p
}
