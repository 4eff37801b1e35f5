package policy

import (
	"cmp"
	"slices"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// object is a policy object: the version in force and the candidate for it.
type object struct {
	inForce, candidate *version // nil: there is none
}

// version is a policy object as it was compiled.
type version struct {
	uid        string
	generation int64
	policies   []*policy // one per spec: Cilium's can have several
	selectors  []selectorID
	namespaces []*namespace
	parts      int
	err        error // what of it could not be read
}

func (o *object) of(v View) **version {
	if v == Candidates {
		return &o.candidate
	}
	return &o.inForce
}

// each calls f for the policies of both versions, with the views that ask them: a
// candidate takes the place of the version in force.
func (o *object) each(f func(*policy, View)) {
	views := InForce | Candidates
	if o.candidate != nil {
		views = InForce
		for _, p := range o.candidate.policies {
			f(p, Candidates)
		}
	}
	if o.inForce != nil {
		for _, p := range o.inForce.policies {
			f(p, views)
		}
	}
}

// install puts a compiled version in place of the one before it; nil removes it.
func (e *Evaluator) install(ref Ref, v View, next *version, now flow.Nanos) {
	o := e.objects[ref]
	if o == nil {
		if next == nil {
			return
		}
		o = &object{}
		e.objects[ref] = o
	}
	place := o.of(v)
	last := *place
	var gone, come []*policy
	if last != nil {
		gone = last.policies
		e.parts -= last.parts
	}
	if next != nil {
		come = next.policies
		e.parts += next.parts
		for _, p := range come {
			p.changed = now
		}
	}
	lists := e.edit(gone, come)
	moved := !slices.EqualFunc(gone, come, sameSubject)

	e.mu.Lock()
	o.each(func(p *policy, _ View) { e.count(p, -1) })
	*place = next
	o.each(func(p *policy, views View) { p.views = views; e.count(p, 1) })
	e.ordered = lists.ordered
	if lists.of != nil {
		lists.of.workload = lists.workload
	} else {
		e.workload = lists.workload
	}
	if moved {
		e.ceased(gone, now)
	}
	e.mu.Unlock()

	e.changes.Add(1)
	e.release(last)
	if o.inForce == nil && o.candidate == nil {
		delete(e.objects, ref)
	}
}

// ceased notes that policies do not apply any more, or to others.
func (e *Evaluator) ceased(gone []*policy, now flow.Nanos) {
	for _, p := range gone {
		if ns := p.subject.own; ns != nil {
			ns.removed = now
		} else {
			e.removed = now
		}
	}
}

// count keeps the number of policies that are about each direction.
func (e *Evaluator) count(p *policy, n int) {
	for _, v := range []View{InForce, Candidates} {
		for d := range p.sides {
			if p.views&v != 0 && p.sides[d].applies {
				e.applying[v-1][d] += n
			}
		}
	}
}

// release ends the uses of a version that readers cannot reach any more.
func (e *Evaluator) release(v *version) {
	if v == nil {
		return
	}
	for _, id := range v.selectors {
		e.table.dropSelector(id)
	}
	for _, ns := range v.namespaces {
		e.dropNamespace(ns)
	}
}

// sameSubject tells whether two policies are about the same traffic.
func sameSubject(a, b *policy) bool {
	return a.subject == b.subject && a.tier == b.tier && a.priority == b.priority &&
		a.sides[0].applies == b.sides[0].applies && a.sides[1].applies == b.sides[1].applies
}

// lists are the lists that readers walk, to be published together.
type lists struct {
	ordered  [orderedTiers][]*policy
	workload *reach     // of the namespace, or of the cluster
	of       *namespace // nil: of the cluster
}

// edit copies the lists that change when policies of one object go and come. They
// are of one namespace, if it has one.
func (e *Evaluator) edit(gone, come []*policy) lists {
	l := lists{ordered: e.ordered, workload: e.workload}
	of := func(t tier, all []*policy) []*policy {
		return slices.DeleteFunc(slices.Clone(all), func(p *policy) bool { return p.tier != t })
	}
	for _, p := range slices.Concat(gone, come) {
		l.of = p.subject.own
	}
	if l.of != nil {
		l.workload = l.of.workload
	}
	if out, in := of(workload, gone), of(workload, come); len(out)+len(in) > 0 {
		l.workload = reachOf(edited(l.workload.list(), out, in))
	}
	for t := range l.ordered {
		if out, in := of(tier(t), gone), of(tier(t), come); len(out)+len(in) > 0 {
			l.ordered[t] = edited(l.ordered[t], out, in)
		}
	}
	return l
}

// edited is a copy of a list without some policies and with others.
func edited(list, gone, come []*policy) []*policy {
	all := slices.DeleteFunc(slices.Clone(list), func(p *policy) bool { return slices.Contains(gone, p) })
	for _, p := range come {
		i, _ := slices.BinarySearchFunc(all, p, order)
		all = slices.Insert(all, i, p)
	}
	return all
}

// order is the one in which policies of a list are asked. What it leaves open
// does not matter to the answer, but names stand for the same policy each time.
func order(a, b *policy) int {
	return cmp.Or(
		cmp.Compare(a.priority, b.priority),
		cmp.Compare(a.ref.Kind, b.ref.Kind),
		cmp.Compare(a.ref.Namespace, b.ref.Namespace),
		cmp.Compare(a.ref.Name, b.ref.Name),
	)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
