package policy

// union is what the workload tier's policies come to together: NetworkPolicies
// and Cilium's. What any of them allows is allowed, unless one denies it; the
// rest is denied if any isolates the subject.
type union struct {
	isolated, denied, allowed truth
	// Who settled it, or might have.
	by       *policy
	rule     *rule
	isolates *policy // the first that isolates the subject
	home     bool    // allowed since it is between a pod and its node
}

// workload asks the tier.
func (w *walk) workload() outcomes {
	var u union
	u.ask(w, w.e.tiers[workload])
	if w.subject.class == thePod {
		u.ask(w, w.subject.pod.namespace.policies)
	}
	may := u.outcomes()
	if u.by == nil && u.isolates != nil && may&deny != 0 {
		u.by = u.isolates
	}
	if w.by == nil && u.by != nil && may != pass {
		w.by, w.rule, w.why = u.by, u.rule, ByPolicy
	}
	if w.by == nil && u.home {
		w.why = NodeTraffic
	}
	return may
}

// ask goes through a list, of which those that deny stand first.
func (u *union) ask(w *walk, list []*policy) {
	for _, p := range list {
		if u.denied == yes || u.allowed == yes && !p.denies {
			return
		}
		if selected := w.selects(p); selected != no {
			u.add(w, p, selected)
		}
	}
}

func (u *union) add(w *walk, p *policy, selected truth) {
	if w.home && (p.kubernetes || w.dir == Ingress) {
		u.allowed, u.home = max(u.allowed, selected), true
		return
	}
	if p.kubernetes && !ported(w.c.Proto) {
		selected = min(selected, maybe) // the API leaves it undefined
	}
	side := &p.sides[w.dir]
	if isolated := min(selected, side.isolate); isolated > u.isolated {
		u.isolated, u.isolates = isolated, p
	}
	for i := range side.rules {
		r := &side.rules[i]
		m := min(selected, r.matches(w.c, w.other, w.subject, w.dst))
		if m == no {
			continue
		}
		u.match(p, r, m)
		if u.denied == yes || u.allowed == yes && !p.denies {
			return
		}
	}
}

// match notes that a rule matches, perhaps. A rule that settles the union
// replaces one that only may.
func (u *union) match(p *policy, r *rule, m truth) {
	if u.by == nil || m == yes && (r.does == deny || r.does == allow && u.denied == no && u.allowed != yes) {
		u.by, u.rule = p, r
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
