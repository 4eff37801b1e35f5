package policy

// union is what the workload tier's policies come to together: NetworkPolicies
// and Cilium's. What any of them allows is allowed, unless one denies it; the
// rest is denied if any isolates the subject.
type union struct {
	isolated, denied, allowed truth
	// Who settled it, or might have.
	by       ranked
	rule     *rule
	weight   int
	isolates ranked // the first that isolates the subject
	home     bool   // allowed since it is between a pod and its node
}

// ofCluster is added to the ranks of the cluster's policies: where several decide
// alike, one of the namespace is named.
const ofCluster = 1 << 30

// workload asks the tier.
func (w *walk) workload() outcomes {
	var u union
	ask := func(p ranked) {
		if selected := w.selects(p.policy); selected != no {
			u.add(w, p, selected)
		}
	}
	if w.subject.class == thePod {
		w.subject.pod.namespace.workload.visit(w.subject, ask)
	}
	w.e.workload.visit(w.subject, func(p ranked) { p.rank += ofCluster; ask(p) })
	may := u.outcomes()
	if may == deny && u.denied != yes || u.by.policy == nil && may&deny != 0 {
		u.by, u.rule = u.isolates, nil // no rule decides
	}
	if w.by == nil && u.by.policy != nil && may != pass {
		w.by, w.rule, w.why = u.by.policy, u.rule, ByPolicy
	}
	if w.by == nil && u.home {
		w.why = NodeTraffic
	}
	return may
}

func (u *union) add(w *walk, p ranked, selected truth) {
	if w.home && (p.kubernetes || w.dir == Ingress) {
		u.allowed, u.home = max(u.allowed, selected), true
		return
	}
	if p.kubernetes && !ported(w.c.Proto) {
		selected = min(selected, maybe) // the API leaves it undefined
	}
	side := &p.sides[w.dir]
	if isolated := min(selected, side.isolate); isolated != no && (isolated > u.isolated || isolated == u.isolated && p.rank < u.isolates.rank) {
		u.isolated, u.isolates = isolated, p
	}
	if u.denied == yes || u.allowed == yes && !p.denies && p.rank > u.by.rank {
		return // it cannot change the answer, nor who gave it
	}
	for i := range side.rules {
		r := &side.rules[i]
		m := min(selected, r.matches(w.c, w.other, w.subject, w.dst))
		if m == no {
			continue
		}
		u.match(p, r, m)
	}
}

// weight orders rules that match by what they do to the union.
func weight(r *rule, m truth) int {
	denies := r.does&deny != 0
	switch {
	case denies && m == yes:
		return 4
	case denies:
		return 3
	case m == yes:
		return 2
	}
	return 1
}

// match notes that a rule matches, perhaps. Of several it keeps the one that
// settles more, and among those the first by the order of names.
func (u *union) match(p ranked, r *rule, m truth) {
	if n := weight(r, m); n > u.weight || n == u.weight && p.rank < u.by.rank {
		u.by, u.rule, u.weight = p, r, n
	}
	if r.does&deny != 0 {
		u.denied = max(u.denied, m)
	}
	if r.does&allow != 0 {
		u.allowed = max(u.allowed, m)
	}
}

func (u *union) outcomes() (may outcomes) {
	switch u.denied {
	case yes:
		return deny
	case maybe:
		may = deny
	}
	switch u.allowed {
	case yes:
		return may | allow
	case maybe:
		may |= allow
	}
	switch u.isolated {
	case yes:
		return may | deny
	case maybe:
		may |= deny
	}
	return may | pass
}
