package policy

import (
	"math"

	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// adminPolicy compiles an AdminNetworkPolicy.
func (c *compiler) adminPolicy(o *v1alpha1.AdminNetworkPolicy) {
	s := &o.Spec.Subject
	p := c.ordered(admin, peerSpec{namespaces: s.Namespaces, pods: s.Pods}, o.Spec.Priority)
	for i, r := range o.Spec.Ingress {
		c.rule(p, Ingress, i, string(r.Action), alphaIngress(r.From), alphaPorts(r.Ports))
	}
	for i, r := range o.Spec.Egress {
		var to []peerSpec
		for _, t := range r.To {
			to = append(to, peerSpec{t.Namespaces, t.Pods, t.Nodes, textsOf(t.Networks), len(t.DomainNames) > 0})
		}
		c.rule(p, Egress, i, string(r.Action), to, alphaPorts(r.Ports))
	}
	c.seal(p)
}

// baselinePolicy compiles a BaselineAdminNetworkPolicy, of which there is one.
func (c *compiler) baselinePolicy(o *v1alpha1.BaselineAdminNetworkPolicy) {
	s := &o.Spec.Subject
	p := c.ordered(baseline, peerSpec{namespaces: s.Namespaces, pods: s.Pods}, math.MaxInt32)
	for i, r := range o.Spec.Ingress {
		c.rule(p, Ingress, i, string(r.Action), alphaIngress(r.From), alphaPorts(r.Ports))
	}
	for i, r := range o.Spec.Egress {
		var to []peerSpec
		for _, t := range r.To {
			to = append(to, peerSpec{t.Namespaces, t.Pods, t.Nodes, textsOf(t.Networks), false})
		}
		c.rule(p, Egress, i, string(r.Action), to, alphaPorts(r.Ports))
	}
	c.seal(p)
}

// clusterPolicy compiles a ClusterNetworkPolicy.
func (c *compiler) clusterPolicy(o *v1alpha2.ClusterNetworkPolicy) {
	t := admin
	switch o.Spec.Tier {
	case v1alpha2.AdminTier:
	case v1alpha2.BaselineTier:
		t = baseline
	default:
		c.fail("spec.tier", "%q is not supported", string(o.Spec.Tier))
		anyPod(admin, anything, no)(c)
		return
	}
	s := &o.Spec.Subject
	p := c.ordered(t, peerSpec{namespaces: s.Namespaces, pods: (*v1alpha1.NamespacedPod)(s.Pods)}, o.Spec.Priority)
	for i, r := range o.Spec.Ingress {
		var from []peerSpec
		for _, f := range r.From {
			from = append(from, peerSpec{namespaces: f.Namespaces, pods: (*v1alpha1.NamespacedPod)(f.Pods)})
		}
		c.rule(p, Ingress, i, string(r.Action), from, clusterPorts(r.Protocols))
	}
	for i, r := range o.Spec.Egress {
		var to []peerSpec
		for _, t := range r.To {
			to = append(to, peerSpec{t.Namespaces, (*v1alpha1.NamespacedPod)(t.Pods), t.Nodes,
				textsOf(t.Networks), len(t.DomainNames) > 0})
		}
		c.rule(p, Egress, i, string(r.Action), to, clusterPorts(r.Protocols))
	}
	c.seal(p)
}

// ordered begins a policy of an ordered tier.
func (c *compiler) ordered(t tier, who peerSpec, priority int32) *policy {
	s, ok := c.peer("spec.subject", who)
	p := c.add(t, subject{namespace: s.namespace, pod: s.pod, opaque: !ok || c.flaws.under("spec.subject")})
	if p.subject.opaque {
		p.subject.namespace, p.subject.pod = everything, everything
	}
	p.priority = priority
	return p
}

// rule adds a rule to a side of a policy.
func (c *compiler) rule(p *policy, d Direction, i int, action string, peers []peerSpec, ports portSpecs) {
	path := at("spec."+d.String(), i)
	who := ".from"
	if d == Egress {
		who = ".to"
	}
	r := rule{path: pathOf(path), opaque: c.flaws.under(path)}
	switch action {
	case "Accept", "Allow":
		r.does = allow
	case "Deny":
		r.does = deny
	case "Pass":
		r.does = pass
	default:
		c.fail(path+".action", "%q is not supported", action)
		r.does, r.opaque = anything, true
	}
	if len(peers) == 0 {
		c.fail(path+who, "is empty")
		r.opaque = true
	}
	for j, s := range peers {
		one, ok := c.peer(at(path+who, j), s)
		r.opaque = r.opaque || !ok
		r.peers = append(r.peers, one)
		for k := 1; k < len(s.networks); k++ { // the first is that one
			one, ok := c.cidr(at(at(path+who, j)+".networks", k), s.networks[k])
			r.peers, r.opaque = append(r.peers, peer{kind: block, block: one}), r.opaque || !ok
		}
	}
	if !c.ports(&r, path, ports) {
		r.opaque = true
	}
	p.sides[d].applies = true
	p.sides[d].rules = append(p.sides[d].rules, r)
}

// seal ends a policy: a field beside subject and rules may change all it says.
func (c *compiler) seal(p *policy) {
	if c.flaws.elsewhere("spec.subject", "spec.ingress", "spec.egress") {
		p.sides = opaqueSides("", anything, no)
	}
}
