package policy

import (
	"errors"
	"fmt"
)

// auditRule is a rule of the configuration: it is nobody's to enforce.
type auditRule struct {
	ref      *Ref
	rule     rule // ports; its peers are from
	to       []peer
	toAnyone bool
}

// audit asks the configuration's rules, in their order. They can deny what the
// cluster's policies allow; what they allow is only spared their later rules.
func (e *Evaluator) audit(c *Connection, src, dst *end, r *Result) {
	var may outcomes
	var by *auditRule
	for i := range e.rules {
		a := &e.rules[i]
		m := min(a.rule.matches(c, src, dst, dst), a.reaches(dst, src))
		if m == no {
			continue
		}
		may |= a.rule.does
		if by == nil || m == yes && a.rule.does == may {
			by = a
		}
		if m == yes {
			break
		}
		may |= pass
	}
	if by == nil {
		return
	}
	r.Unprotected = r.Unprotected && by.toAnyone
	decided := r.Decision
	switch {
	case decided == Denied || may&deny == 0:
		return
	case may == deny:
		*r = Result{Decision: Denied, Unprotected: r.Unprotected, Since: r.Since}
	case decided == Allowed:
		*r = Result{Reason: UnknownPod, Unprotected: r.Unprotected, Since: r.Since}
	}
	r.Policy, r.Rule, r.Direction = by.ref, by.rule.path, Ingress
}

func (a *auditRule) reaches(dst, src *end) truth {
	if a.toAnyone {
		return yes
	}
	best := no
	for i := range a.to {
		best = max(best, a.to[i].matches(dst, src))
	}
	return best
}

// setRules compiles the configuration's rules, which were validated.
func (e *Evaluator) setRules(rules []RuleConfig) error {
	for i := range rules {
		r := &rules[i]
		a := auditRule{ref: &Ref{Kind: KindRule, Name: r.Name}, rule: rule{path: at("rules", i), does: allow}}
		if r.Action == actionDeny {
			a.rule.does = deny
		}
		for _, text := range r.Ports {
			p, err := parsePort(text)
			if err != nil {
				return fmt.Errorf("policy: rules::%d::ports: %w", i, err)
			}
			a.rule.ports = append(a.rule.ports, p)
		}
		var err1, err2 error
		a.rule.peers, a.rule.anyone, err1 = e.who(&r.From)
		a.to, a.toAnyone, err2 = e.who(&r.To)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("policy: rules::%d: %w", i, err)
		}
		e.rules = append(e.rules, a)
	}
	return nil
}

// who is an end of a rule as peers.
func (e *Evaluator) who(w *Who) (peers []peer, anyone bool, err error) {
	if !w.pods() {
		for _, text := range w.CIDRs {
			p, err := parsePrefix(text)
			if err != nil {
				return nil, false, err
			}
			peers = append(peers, peer{kind: block, block: p})
		}
		return peers, len(peers) == 0, nil
	}
	ofNamespaces, err1 := parseSelector(w.NamespaceSelector)
	ofPods, err2 := parseSelector(w.PodSelector)
	if err := errors.Join(err1, err2); err != nil {
		return nil, false, err
	}
	if len(w.Namespaces) > 0 {
		ofNamespaces = append(ofNamespaces, newRequirement(namespaceNameKey, in, w.Namespaces))
	}
	return []peer{{kind: pods, namespace: e.table.useSelector(ofNamespaces), pod: e.table.useSelector(ofPods)}}, false, nil
}
