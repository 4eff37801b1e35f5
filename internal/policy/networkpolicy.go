package policy

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// networkPolicy compiles a NetworkPolicy of networking.k8s.io/v1. Lists that are
// empty and lists that are missing mean the same in it.
func (c *compiler) networkPolicy(o *networkingv1.NetworkPolicy) {
	own := c.own()
	id, ok := c.selector("spec.podSelector", &o.Spec.PodSelector)
	p := c.add(workload, subject{own: own, pod: id, opaque: !ok})
	p.kubernetes = true
	types := o.Spec.PolicyTypes
	if len(types) == 0 {
		types = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(o.Spec.Egress) > 0 {
			types = append(types, networkingv1.PolicyTypeEgress)
		}
	}
	for i, t := range types {
		switch t {
		case networkingv1.PolicyTypeIngress:
			p.sides[Ingress] = side{applies: true, isolate: yes}
			for i, r := range o.Spec.Ingress {
				p.sides[Ingress].rules = append(p.sides[Ingress].rules,
					c.networkRule(at("spec.ingress", i), ".from", own, r.Ports, r.From))
			}
		case networkingv1.PolicyTypeEgress:
			p.sides[Egress] = side{applies: true, isolate: yes}
			for i, r := range o.Spec.Egress {
				p.sides[Egress].rules = append(p.sides[Egress].rules,
					c.networkRule(at("spec.egress", i), ".to", own, r.Ports, r.To))
			}
		default:
			c.fail(at("spec.policyTypes", i), "%q is not supported", string(t))
			p.sides = opaqueSides("policyTypes", allow, maybe)
			return
		}
	}
	if c.flaws.elsewhere("spec.ingress", "spec.egress") {
		p.sides = opaqueSides("", allow, maybe)
	}
}

func (c *compiler) networkRule(path, who string, own *namespace, ports []networkingv1.NetworkPolicyPort,
	peers []networkingv1.NetworkPolicyPeer) rule {
	r := rule{path: pathOf(path), does: allow, anyone: len(peers) == 0, opaque: c.flaws.under(path)}
	for i := range ports {
		p, ok := c.networkPort(at(path+".ports", i), &ports[i])
		r.ports, r.opaque = append(r.ports, p), r.opaque || !ok
	}
	for i := range peers {
		p, ok := c.networkPeer(at(path+who, i), own, &peers[i])
		r.peers, r.opaque = append(r.peers, p), r.opaque || !ok
	}
	return r
}

func (c *compiler) networkPort(path string, o *networkingv1.NetworkPolicyPort) (out port, ok bool) {
	proto, ok := uint8(flow.TCP), true
	if o.Protocol != nil {
		proto, ok = c.protocol(path+".protocol", *o.Protocol)
	}
	switch {
	case !ok:
		return out, false
	case o.Port == nil && o.EndPort != nil, o.EndPort != nil && o.Port.Type == intstr.String:
		c.fail(path+".endPort", "needs a port that is a number")
		return out, false
	case o.Port == nil:
		return everyPort(proto), true
	case o.Port.Type == intstr.String:
		return c.named(path+".port", proto, o.Port.StrVal)
	}
	last := o.Port.IntVal
	if o.EndPort != nil {
		last = *o.EndPort
	}
	out.proto = proto
	out.lo, out.hi, ok = c.span(path, o.Port.IntVal, last)
	return out, ok
}

func (c *compiler) networkPeer(path string, own *namespace, o *networkingv1.NetworkPolicyPeer) (out peer, ok bool) {
	out = peer{kind: pods, own: own, pod: everything}
	if o.IPBlock != nil {
		if o.PodSelector != nil || o.NamespaceSelector != nil {
			c.fail(path, "ipBlock stands beside a selector")
			return out, false
		}
		return c.ipBlock(path+".ipBlock", o.IPBlock)
	}
	if o.PodSelector == nil && o.NamespaceSelector == nil {
		c.fail(path, "names nobody that is known")
		return out, false
	}
	ok = true
	if o.PodSelector != nil {
		out.pod, ok = c.selector(path+".podSelector", o.PodSelector)
	}
	if o.NamespaceSelector != nil {
		var good bool
		out.own = nil
		out.namespace, good = c.selector(path+".namespaceSelector", o.NamespaceSelector)
		ok = ok && good
	}
	return out, ok
}

func (c *compiler) ipBlock(path string, o *networkingv1.IPBlock) (out peer, ok bool) {
	out = peer{kind: block}
	out.block, ok = c.cidr(path+".cidr", o.CIDR)
	for i, text := range o.Except {
		p, good := c.cidr(at(path+".except", i), text)
		out.except, ok = append(out.except, p), ok && good
	}
	return out, ok
}
