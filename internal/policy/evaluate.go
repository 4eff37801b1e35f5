package policy

// Evaluate says what the policies of a view decide about a connection, and by
// which. It does not allocate, and waits for a writer for some microseconds at most.
func (e *Evaluator) Evaluate(c *Connection, view View) Result {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.evaluate(c, view)
}

func (e *Evaluator) evaluate(c *Connection, view View) Result {
	src, dst := e.resolve(&c.Src), e.resolve(&c.Dst)
	if e.overfull {
		return Result{Reason: Overfull}
	}
	if src.class == thePod && src.pod == dst.pod {
		return Result{Decision: Allowed, Reason: SelfTraffic}
	}
	out := walk{e: e, c: c, view: view, dir: Egress, subject: &src, other: &dst, dst: &dst}
	in := walk{e: e, c: c, view: view, dir: Ingress, subject: &dst, other: &src, dst: &dst}
	out.run()
	in.run()
	r := combine(&out, &in)
	e.audit(c, &src, &dst, &r)
	return r
}

// combine asks both directions: each must allow.
func combine(out, in *walk) (r Result) {
	switch {
	case out.may == deny:
		r = out.result(Denied)
	case in.may == deny:
		r = in.result(Denied)
	case out.may != allow:
		r = out.result(Unknown)
	case in.may != allow:
		r = in.result(Unknown)
	case in.by != nil || in.why == NodeTraffic || out.by == nil && out.why == ByDefault:
		r = in.result(Allowed)
	default:
		r = out.result(Allowed)
	}
	r.Unprotected = !in.selected && (in.subject.class == thePod || in.subject.class == somePod)
	r.Since = max(out.since, in.since)
	return r
}

func (w *walk) result(d Decision) Result {
	r := Result{Decision: d, Reason: w.why, Direction: w.dir}
	if w.by != nil {
		r.Policy = w.by.ref
		if w.rule != nil {
			r.Rule = w.rule.path
		}
	}
	if d == Unknown && w.why == ByPolicy {
		r.Reason = w.unknown()
	}
	return r
}

// unknown is why the policies leave more than one outcome.
func (w *walk) unknown() Reason {
	switch {
	case w.other.vague() || w.subject.vague():
		return UnknownPod
	case w.by != nil && w.by.vague(w.rule):
		return UnknownPolicy
	case !ported(w.c.Proto) && w.by != nil && w.by.kubernetes:
		return Ambiguous
	case w.by != nil && w.by.tier != workload:
		return Ambiguous // equal priorities
	}
	return UnknownPolicy
}

// vague tells whether too little is known of an end.
func (e *end) vague() bool {
	switch e.class {
	case thePod:
		return e.pod.namespace.labels == nil
	case theNode:
		return e.facts == nil
	case outside:
		return false
	}
	return true
}

// vague tells whether there is something in the policy that cannot be read.
func (p *policy) vague(r *rule) bool {
	if p.subject.opaque {
		return true
	}
	if r == nil {
		return false
	}
	if r.opaque {
		return true
	}
	for i := range r.ports {
		if r.ports[i].beyond {
			return true
		}
	}
	for i := range r.peers {
		if k := r.peers[i].kind; k == domains || k == outNames || k == entity {
			return true
		}
	}
	return false
}

// EvaluateService is the decision about a call to a Service of which it is not
// known which endpoint served it: c with each of the backends as destination.
// All denied is denied, all allowed is allowed, the rest is unknown. It is
// unprotected if one of them is. c.Dst and c.Port are overwritten.
func (e *Evaluator) EvaluateService(c *Connection, backends []Backend, view View) Result {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if len(backends) == 0 {
		return Result{Reason: UnknownBackend}
	}
	var common Result
	for i := range backends {
		c.Dst, c.Port = backends[i].Party, backends[i].Port
		r := e.evaluate(c, view)
		if i == 0 {
			common = r
			continue
		}
		common.Since = max(common.Since, r.Since)
		common.Unprotected = common.Unprotected || r.Unprotected
		if r.Decision != common.Decision {
			return Result{Reason: UnknownBackend, Since: common.Since}
		}
	}
	return common
}

// Backend is an endpoint of a Service: who serves it, and at which port.
type Backend struct {
	Party
	Port uint16
}
