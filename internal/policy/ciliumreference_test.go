package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/policy/policytest"
)

// refCilium is a CiliumNetworkPolicy for the reference: what Cilium's
// documentation says of its language, without a line of the evaluator.
type refCilium struct {
	namespace string            // empty: clusterwide
	subject   map[string]string // matchLabels
	rules     []refCiliumRule
	defaults  [2]*bool // enableDefaultDeny by Direction
}

type refCiliumRule struct {
	dir       Direction
	deny      bool
	endpoints map[string]string // matchLabels
	in        string            // namespace that the endpoints are asked to be in
	anyIn     bool              // "fromEndpoints: [{}]" is written, with the labels above
	cidr      string
	entity    string
	ports     []int32 // of TCP
}

func randomCilium(r policytest.Random) (p refCilium) {
	p.namespace = policytest.Pick(r, "n1", "n2", "")
	p.subject = r.Labels()
	if r.OneIn(2) {
		p.subject = nil
	}
	for d := range p.defaults {
		if r.OneIn(4) {
			deny := r.OneIn(2)
			p.defaults[d] = &deny
		}
	}
	for range r.IntN(4) {
		rule := refCiliumRule{dir: Direction(r.IntN(2)), deny: r.OneIn(3)}
		switch r.IntN(4) {
		case 0:
			rule.anyIn, rule.endpoints = true, map[string]string{"a": policytest.Pick(r, "1", "2")}
			rule.in = policytest.Pick(r, "", "n1", "n3")
		case 1:
			rule.cidr = r.CIDR()
		case 2:
			rule.entity = policytest.Pick(r, "all", "world", "world-ipv4", "cluster", "host", "remote-node", "none")
		}
		if r.OneIn(2) {
			rule.ports = []int32{r.Port(), r.Port()}
		}
		p.rules = append(p.rules, rule)
	}
	return p
}

func anyMap(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// object writes the policy as an object.
func (p *refCilium) object(name string) map[string]any {
	spec := map[string]any{"endpointSelector": map[string]any{"matchLabels": anyMap(p.subject)}}
	for _, r := range p.rules {
		list, from := "ingress", "from"
		if r.dir == Egress {
			list, from = "egress", "to"
		}
		if r.deny {
			list += "Deny"
		}
		rule := map[string]any{}
		switch {
		case r.anyIn:
			labels := anyMap(r.endpoints)
			if r.in != "" {
				labels["k8s:io.kubernetes.pod.namespace"] = r.in
			}
			rule[from+"Endpoints"] = []any{map[string]any{"matchLabels": labels}}
		case r.cidr != "":
			rule[from+"CIDR"] = []any{r.cidr}
		case r.entity != "":
			rule[from+"Entities"] = []any{r.entity}
		}
		var ports []any
		for _, n := range r.ports {
			ports = append(ports, map[string]any{"port": fmt.Sprint(n), "protocol": "TCP"})
		}
		if ports != nil {
			rule["toPorts"] = []any{map[string]any{"ports": ports}}
		}
		have, _ := spec[list].([]any)
		spec[list] = append(have, rule)
	}
	defaults := map[string]any{}
	for d, v := range p.defaults {
		if v != nil {
			defaults[Direction(d).String()] = *v
		}
	}
	spec["enableDefaultDeny"] = defaults
	kind := KindCiliumNetworkPolicy
	if p.namespace == "" {
		kind = KindCiliumClusterwideNetworkPolicy
	}
	return map[string]any{"apiVersion": "cilium.io/v2", "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": p.namespace}, "spec": spec}
}

func refHas(labels, want map[string]string) bool {
	for k, v := range want {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// refCiliumAllows is one direction. ok is false where configuration decides.
func refCiliumAllows(all []refCilium, c *refCall, d Direction) (allowed, ok bool) {
	subject, other := c.src, c.dst
	if d == Ingress {
		subject, other = c.dst, c.src
	}
	if subject.pod == nil || subject.pod.host {
		return true, true
	}
	home := refNode(other) != "" && refNode(other) == subject.pod.node
	isolated, matched := false, false
	for _, p := range all {
		if p.namespace != "" && p.namespace != subject.pod.namespace || !refHas(subject.pod.labels, p.subject) {
			continue
		}
		rules := slices.DeleteFunc(slices.Clone(p.rules), func(r refCiliumRule) bool { return r.dir != d })
		if p.defaults[d] == nil && len(rules) > 0 || p.defaults[d] != nil && *p.defaults[d] {
			isolated = true
		}
		for _, r := range rules {
			if len(r.ports) > 0 && (c.proto != "TCP" || !slices.Contains(r.ports, c.port)) {
				continue
			}
			if r.cidr != "" && refNode(other) != "" && refIn(r.cidr, other.ip) {
				return false, false // policy-cidr-match-mode
			}
			if !r.meets(&p, other, home) {
				continue
			}
			if r.deny && (!home || d == Egress) {
				return false, true // "deny rules take precedence"
			}
			matched = true
		}
	}
	return matched || !isolated || home && d == Ingress, true
}

func (r *refCiliumRule) meets(p *refCilium, other refEnd, home bool) bool {
	isPod := other.pod != nil && !other.pod.host
	isNode := refNode(other) != ""
	switch {
	case r.anyIn:
		in := r.in
		if in == "" {
			in = p.namespace
		}
		return isPod && (in == "" || other.pod.namespace == in) && refHas(other.pod.labels, r.endpoints)
	case r.cidr != "":
		return !isPod && !isNode && refIn(r.cidr, other.ip)
	case r.entity != "":
		outside := !isPod && !isNode
		return map[string]bool{"all": true, "world": outside, "world-ipv4": outside && !strings.Contains(other.ip, ":"),
			"cluster": !outside, "host": isNode && home, "remote-node": isNode && !home}[r.entity]
	}
	return len(r.ports) > 0 // a rule without peers and ports is nobody's
}

func TestCiliumAgainstTheReference(t *testing.T) {
	seen := map[Decision]int{}
	for seed := range uint64(500) {
		w := newTwins(t, seed)
		var all []refCilium
		for i := range 1 + w.r.IntN(4) {
			p := randomCilium(w.r)
			_, err := w.e.Put(p.object(fmt.Sprint("p", i)), InForce, 1)
			require.NoError(t, err)
			all = append(all, p)
		}
		for range 60 {
			r, c := w.call()
			if r.src.pod != nil && r.src.pod == r.dst.pod {
				continue
			}
			out, ok1 := refCiliumAllows(all, r, Egress)
			in, ok2 := refCiliumAllows(all, r, Ingress)
			if !ok1 || !ok2 {
				continue
			}
			want := Denied
			if out && in {
				want = Allowed
			}
			got := w.e.Evaluate(c, InForce)
			seen[got.Decision]++
			require.Equal(t, want, got.Decision, "seed %d: %s\n%+v\n%+v %+v\n%+v %+v\n%+v", seed, short(got), all, r.src, r.src.pod, r.dst, r.dst.pod, r)
		}
	}
	t.Log(seen)
	require.Greater(t, seen[Allowed], 5000)
	require.Greater(t, seen[Denied], 5000)
}
