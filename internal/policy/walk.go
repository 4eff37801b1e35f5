package policy

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// walk goes through the tiers for one direction of a connection.
type walk struct {
	e              *Evaluator
	c              *Connection
	view           View
	dir            Direction
	subject, other *end
	dst            *end
	home           bool // the other end is the subject's own node

	// What came of it.
	may      outcomes // allow, deny
	by       *policy  // the first that contributed to it
	rule     *rule
	why      Reason
	selected bool // a policy is about this direction of the subject
	since    flow.Nanos
}

// run finds what the connection may meet in this direction.
func (w *walk) run() {
	w.why = ByDefault
	switch w.subject.class {
	case thePod:
		w.since = max(w.subject.pod.changed, w.e.removed)
		w.since = max(w.since, w.subject.pod.namespace.changed, w.subject.pod.namespace.removed)
		w.home = isHome(w.other, w.subject)
	case theNode, outside:
		w.since = w.e.removed
	default:
		// Anybody's policies may select it.
		w.may = allow
		if w.e.applying[w.view-1][w.dir] > 0 {
			w.may, w.why = allow|deny, UnknownPod
		}
		return
	}
	w.may = w.tiers()
}

func (w *walk) tiers() outcomes {
	may := w.inOrder(w.e.ordered[admin])
	if may&pass == 0 {
		return may
	}
	may = may&^pass | w.workload()
	if may&pass == 0 {
		return may
	}
	last := w.inOrder(w.e.ordered[baseline])
	if last&pass != 0 {
		last = last&^pass | allow
	}
	if last != allow && w.isolatedElsewhere() {
		// "Selected by no NetworkPolicy" or "by none of this direction": the
		// API's text allows both readings, and implementations differ.
		last |= allow
		w.why = Ambiguous
	}
	return may&^pass | last
}

// note remembers who contributed first, or first among what cannot be told.
func (w *walk) note(p *policy, r *rule) {
	if w.by == nil {
		w.by, w.rule, w.why = p, r, ByPolicy
	}
}

// selects tells whether the policy is about this direction of the subject.
func (w *walk) selects(p *policy) truth {
	if p.views&w.view == 0 || !p.sides[w.dir].applies {
		return no
	}
	selected := p.subject.selects(w.subject)
	if selected != no {
		w.selected = true
		w.since = max(w.since, p.changed)
	}
	return selected
}

// inOrder asks policies in the order of their priorities: the first rule that
// matches decides. Among equal priorities any may be asked first.
func (w *walk) inOrder(list []*policy) outcomes {
	var may outcomes
	for i := 0; i < len(list); {
		certain := false
		var group outcomes
		for first := list[i].priority; i < len(list) && list[i].priority == first; i++ {
			does, sure := w.first(list[i])
			group |= does
			certain = certain || sure
		}
		may |= group
		if certain {
			return may
		}
	}
	return may | pass
}

// first is what the rules of one policy do; sure is false if none may match.
func (w *walk) first(p *policy) (does outcomes, sure bool) {
	selected := w.selects(p)
	if selected == no {
		return 0, false
	}
	rules := p.sides[w.dir].rules
	for i := range rules {
		r := &rules[i]
		m := min(selected, r.matches(w.c, w.other, w.subject, w.dst))
		if m == no {
			continue
		}
		does |= r.does
		if r.does != pass {
			w.note(p, r)
		}
		if m == yes {
			return does, true
		}
	}
	return does, false
}

// isolatedElsewhere tells whether a NetworkPolicy selects the subject in the
// other direction only.
func (w *walk) isolatedElsewhere() bool {
	if w.subject.class != thePod {
		return false
	}
	for _, p := range w.subject.pod.namespace.workload.list() {
		if p.kubernetes && p.views&w.view != 0 && !p.sides[w.dir].applies && p.subject.selects(w.subject) != no {
			return true
		}
	}
	return false
}
