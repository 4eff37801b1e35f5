package policy

import (
	"strconv"
	"strings"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// compileCilium compiles a CiliumNetworkPolicy or a clusterwide one: spec, specs,
// or both, each with its own subject.
func compileCilium(e *Evaluator, ref Ref, obj content) *compiler {
	c := e.compiler(ref, nil)
	specs := map[string]any{}
	if spec, has := obj["spec"]; has {
		specs["spec"] = spec
	}
	list, isList := obj["specs"].([]any)
	for i, spec := range list {
		specs[at("specs", i)] = spec
	}
	if len(specs) == 0 || obj["specs"] != nil && !isList {
		c.fail("spec", "is missing")
		c.unreadable()
	}
	for _, c.within = range sortedKeys(specs) {
		s, unread, err := decodeCilium(specs[c.within])
		if err != nil {
			c.fail("spec", "%w", err)
			c.unreadable()
			continue
		}
		c.flaws = unread
		c.ciliumSpec(s)
		if err := c.flaws.err(); err != nil {
			c.fail("spec", "%w", err)
		}
	}
	c.flaws = nil // they are among the errors
	return c
}

func decodeCilium(spec any) (*ciliumSpec, flaws, error) {
	type object struct {
		Spec ciliumSpec `json:"spec"`
	}
	o, unread, err := decode[object](content{"spec": spec})
	return &o.Spec, unread, err
}

// unreadable adds a policy that may do anything to any pod it may select.
func (c *compiler) unreadable() { anyPod(workload, allow|deny, maybe)(c) }

func (c *compiler) ciliumSpec(s *ciliumSpec) {
	subj, ok := c.ciliumSubject(s)
	if !ok {
		c.unreadable()
		return
	}
	p := c.add(workload, subj)
	if subj.kind == nodes || c.flaws.elsewhere("spec.ingress", "spec.egress", "spec.ingressDeny", "spec.egressDeny") || c.requires() {
		p.sides = opaqueSides(pathOf(c.within), allow|deny, maybe)
		return
	}
	for i := range s.IngressDeny {
		c.ciliumRule(p, Ingress, deny, at("spec.ingressDeny", i), fromPeers(&s.IngressDeny[i]))
	}
	for i := range s.Ingress {
		c.ciliumRule(p, Ingress, allow, at("spec.ingress", i), fromPeers(&s.Ingress[i]))
	}
	for i := range s.EgressDeny {
		c.ciliumRule(p, Egress, deny, at("spec.egressDeny", i), toPeers(&s.EgressDeny[i]))
	}
	for i := range s.Egress {
		c.ciliumRule(p, Egress, allow, at("spec.egress", i), toPeers(&s.Egress[i]))
	}
	// A direction that has rules isolates, unless it is told not to.
	p.sides[Ingress].isolated(len(s.Ingress)+len(s.IngressDeny) > 0, s.EnableDefaultDeny.Ingress)
	p.sides[Egress].isolated(len(s.Egress)+len(s.EgressDeny) > 0, s.EnableDefaultDeny.Egress)
}

func (s *side) isolated(rules bool, told *bool) {
	isolate := rules
	if told != nil {
		isolate = *told
	}
	s.applies, s.isolate = rules || isolate, truthOf(isolate)
}

// requires tells whether a rule has requirements: they bear on all other rules.
func (c *compiler) requires() bool {
	for _, f := range c.flaws {
		if strings.Contains(f, "Requires") {
			return true
		}
	}
	return false
}

func (c *compiler) ciliumSubject(s *ciliumSpec) (out subject, ok bool) {
	switch {
	case (s.EndpointSelector == nil) == (s.NodeSelector == nil):
		c.fail("spec", "must have either an endpointSelector or a nodeSelector")
		return out, false
	case s.NodeSelector != nil:
		c.fail("spec.nodeSelector", "policies of nodes are not evaluated")
		out = subject{kind: nodes}
		out.pod, ok = c.selector("spec.nodeSelector", s.NodeSelector)
		out.opaque = !ok
		return out, true
	}
	who, ok := c.ciliumSelector("spec.endpointSelector", s.EndpointSelector, true)
	return subject{own: who.own, namespace: who.namespace, pod: who.pod}, ok
}

func (c *compiler) ciliumRule(p *policy, d Direction, does outcomes, path string, s ciliumPeers) {
	r := rule{path: pathOf(c.real(path)), does: does, opaque: c.flaws.under(path)}
	kinds := c.ciliumPeers(&r, path+"."+s.word, &s)
	for i := range s.ports {
		c.ciliumPorts(&r, at(path+".toPorts", i), &s.ports[i])
	}
	if len(s.icmps) > 0 { // their types are not looked at
		r.ports = append(r.ports, port{proto: flow.ICMP, beyond: true}, port{proto: flow.ICMPv6, beyond: true})
	}
	switch {
	case kinds > 1:
		c.fail(path, "combines %d kinds of peers", kinds)
		r.opaque = true
	case kinds == 0 && len(r.ports) == 0 && !r.opaque:
		return // allows nobody: what isolates is that it is there
	case kinds == 0:
		r.anyone = true
	}
	p.sides[d].rules = append(p.sides[d].rules, r)
}

// ciliumPeers compiles the peers and says how many kinds of them there are.
func (c *compiler) ciliumPeers(r *rule, path string, s *ciliumPeers) (kinds int) {
	add := func(p peer, ok bool) { r.peers, r.opaque = append(r.peers, p), r.opaque || !ok }
	for i := range s.endpoints {
		add(c.ciliumSelector(at(path+"Endpoints", i), &s.endpoints[i], false))
	}
	for i, text := range s.cidr {
		if !strings.Contains(text, "/") {
			text += hostBits(text)
		}
		one, ok := c.cidr(at(path+"CIDR", i), text)
		add(peer{kind: outBlock, block: one}, ok)
	}
	for i := range s.cidrSet {
		add(c.ciliumCIDR(at(path+"CIDRSet", i), &s.cidrSet[i]))
	}
	for i, name := range s.entities {
		e, known := entityOf(name)
		if !known {
			c.fail(at(path+"Entities", i), "%q is not supported", name)
		}
		add(peer{kind: entity, entities: e}, known)
	}
	if len(s.fqdns) > 0 {
		add(peer{kind: outNames}, true)
	}
	empty := false
	count := func(n int, missing bool) { kinds += bit(n > 0); empty = empty || n == 0 && !missing }
	count(len(s.endpoints), s.endpoints == nil)
	count(len(s.cidr), s.cidr == nil)
	count(len(s.cidrSet), s.cidrSet == nil)
	count(len(s.entities), s.entities == nil)
	count(len(s.fqdns), s.fqdns == nil)
	if empty { // nobody or anybody: versions of Cilium differ
		c.fail(path, "has an empty list of peers")
		r.opaque = true
	}
	return kinds
}

// hostBits completes an address to a range.
func hostBits(addr string) string {
	if strings.Contains(addr, ":") {
		return "/128"
	}
	return "/32"
}

func (c *compiler) ciliumCIDR(path string, s *ciliumCIDR) (out peer, ok bool) {
	out = peer{kind: outBlock}
	out.block, ok = c.cidr(path+".cidr", s.CIDR)
	for i, text := range s.Except {
		p, good := c.cidr(at(path+".except", i), text)
		out.except, ok = append(out.except, p), ok && good
	}
	return out, ok
}

func (c *compiler) ciliumPorts(r *rule, path string, s *ciliumPorts) {
	if len(s.Ports) == 0 {
		c.fail(path, "has no ports")
		r.opaque = true
	}
	for i := range s.Ports {
		p, ok := c.ciliumPort(at(path+".ports", i), &s.Ports[i])
		p.beyond = len(s.Rules) > 0
		r.ports, r.opaque = append(r.ports, p), r.opaque || !ok
	}
}

func (c *compiler) ciliumPort(path string, s *ciliumPort) (out port, ok bool) {
	switch strings.ToUpper(s.Protocol) {
	case "TCP":
		out.proto = flow.TCP
	case "UDP":
		out.proto = flow.UDP
	case "SCTP":
		out.proto = flow.SCTP
	case "", "ANY":
		out.proto = anyProto
	default:
		c.fail(path+".protocol", "%q is not supported", s.Protocol)
		return out, false
	}
	n, err := strconv.ParseUint(s.Port, 0, 16)
	switch {
	case err != nil:
		return c.named(path+".port", out.proto, strings.ToLower(s.Port))
	case n == 0 && out.proto == anyProto:
		c.fail(path+".port", "0 of any protocol is not supported")
		return out, false
	case n == 0:
		return everyPort(out.proto), true
	}
	out.lo, out.hi, ok = c.span(path, int32(n), max(int32(n), s.EndPort))
	return out, ok
}
