package policy

import (
	"net"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// The reference: sentence by sentence what the API's documentation says, without
// regard to time, and without a line of the evaluator.

type refPod struct {
	name, namespace, node, ip string
	labels                    map[string]string
	ports                     []corev1.ContainerPort
	host                      bool
}

type reference struct {
	namespaces map[string]map[string]string
	nodes      map[string]map[string]string
	policies   []*networkingv1.NetworkPolicy
	cluster    []*v1alpha2.ClusterNetworkPolicy // priorities are unique
}

// refEnd is a pod, a node or, if it is neither, an address outside.
type refEnd struct {
	pod  *refPod
	node string
	ip   string
}

type refCall struct {
	src, dst refEnd
	port     int32
	proto    corev1.Protocol
}

func refSelects(s *metav1.LabelSelector, l map[string]string) bool {
	sel, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		panic(err)
	}
	return sel.Matches(labels.Set(l))
}

// answers are the decisions that the documentation allows.
func (r *reference) answers(c *refCall) (all []Decision) {
	if c.src.pod != nil && c.src.pod == c.dst.pod {
		return []Decision{Allowed} // "a Pod cannot block access to itself"
	}
	egress, ingress := r.direction(c, Egress), r.direction(c, Ingress)
	for _, e := range egress {
		for _, i := range ingress {
			d := Denied // "both the egress policy on the source and the ingress policy on the destination need to allow"
			if e && i {
				d = Allowed
			}
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

// direction tells whether one direction is allowed; two values where the
// documentation can be read in two ways.
func (r *reference) direction(c *refCall, d Direction) []bool {
	subject, other := c.src, c.dst
	if d == Ingress {
		subject, other = c.dst, c.src
	}
	if subject.pod == nil || subject.pod.host {
		return []bool{true} // policies are about pods, host-networked ones excepted
	}
	switch r.tier(c, d, subject, other, v1alpha2.AdminTier) {
	case v1alpha2.ClusterNetworkPolicyRuleActionAccept:
		return []bool{true}
	case v1alpha2.ClusterNetworkPolicyRuleActionDeny:
		return []bool{false}
	}
	isolated, allowed, elsewhere := false, false, false
	for _, p := range r.policies {
		if p.Namespace != subject.pod.namespace || !refSelects(&p.Spec.PodSelector, subject.pod.labels) {
			continue
		}
		if !refApplies(p, d) {
			elsewhere = true
			continue
		}
		isolated = true
		allowed = allowed || r.allows(p, c, d, subject, other)
	}
	if isolated {
		return []bool{allowed}
	}
	last := r.tier(c, d, subject, other, v1alpha2.BaselineTier) != v1alpha2.ClusterNetworkPolicyRuleActionDeny
	if elsewhere && !last {
		return []bool{true, false}
	}
	return []bool{last}
}

// refApplies: "policies that contain an egress section are assumed to affect
// egress, and all policies are assumed to affect ingress", unless there are types.
func refApplies(p *networkingv1.NetworkPolicy, d Direction) bool {
	if len(p.Spec.PolicyTypes) == 0 {
		return d == Ingress || len(p.Spec.Egress) > 0
	}
	t := map[Direction]networkingv1.PolicyType{Ingress: "Ingress", Egress: "Egress"}[d]
	return slices.Contains(p.Spec.PolicyTypes, t)
}

func (r *reference) allows(p *networkingv1.NetworkPolicy, c *refCall, d Direction, subject, other refEnd) bool {
	// "traffic to and from the node where a Pod is running is always allowed"
	if refNode(other) == subject.pod.node && refNode(other) != "" {
		return true
	}
	if d == Ingress {
		for _, rule := range p.Spec.Ingress {
			if r.ports(rule.Ports, c) && r.peers(p.Namespace, rule.From, other) {
				return true
			}
		}
		return false
	}
	for _, rule := range p.Spec.Egress {
		if r.ports(rule.Ports, c) && r.peers(p.Namespace, rule.To, other) {
			return true
		}
	}
	return false
}

// refNode is the node that an end's packets are from, if they are a node's.
func refNode(e refEnd) string {
	if e.pod != nil && e.pod.host {
		return e.pod.node
	}
	return e.node
}

func (r *reference) ports(list []networkingv1.NetworkPolicyPort, c *refCall) bool {
	if len(list) == 0 {
		return true // "matches all ports"
	}
	for _, p := range list {
		proto := corev1.ProtocolTCP
		if p.Protocol != nil {
			proto = *p.Protocol
		}
		if proto != c.proto {
			continue
		}
		switch {
		case p.Port == nil:
			return true // "matches all port names and numbers"
		case p.Port.Type == intstr.String:
			if refNamed(c, p.Port.StrVal) {
				return true
			}
		case p.EndPort != nil:
			if c.port >= p.Port.IntVal && c.port <= *p.EndPort {
				return true
			}
		case p.Port.IntVal == c.port:
			return true
		}
	}
	return false
}

func refNamed(c *refCall, name string) bool {
	if c.dst.pod == nil || c.dst.pod.host {
		return false
	}
	for _, have := range c.dst.pod.ports {
		if have.Name == name && have.ContainerPort == c.port && have.Protocol == c.proto {
			return true
		}
	}
	return false
}

func (r *reference) peers(namespace string, list []networkingv1.NetworkPolicyPeer, other refEnd) bool {
	if len(list) == 0 {
		return true // "matches all sources"
	}
	for _, p := range list {
		if p.IPBlock != nil {
			if refIn(p.IPBlock.CIDR, other.ip) && !slices.ContainsFunc(p.IPBlock.Except, func(x string) bool { return refIn(x, other.ip) }) {
				return true
			}
			continue
		}
		if other.pod == nil || other.pod.host {
			continue
		}
		inNamespace := other.pod.namespace == namespace
		if p.NamespaceSelector != nil {
			inNamespace = refSelects(p.NamespaceSelector, r.namespaces[other.pod.namespace])
		}
		if inNamespace && (p.PodSelector == nil || refSelects(p.PodSelector, other.pod.labels)) {
			return true
		}
	}
	return false
}

func refIn(cidr, ip string) bool {
	_, n, err := net.ParseCIDR(cidr)
	if err != nil {
		panic(err)
	}
	return n.Contains(net.ParseIP(ip))
}

// tier is the action of the first rule that matches, of the policies in the order
// of their priorities; Pass if there is none.
func (r *reference) tier(c *refCall, d Direction, subject, other refEnd, t v1alpha2.Tier) v1alpha2.ClusterNetworkPolicyRuleAction {
	var list []*v1alpha2.ClusterNetworkPolicy
	for _, p := range r.cluster {
		if p.Spec.Tier == t && r.peer(p.Spec.Subject.Namespaces, p.Spec.Subject.Pods, subject) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *v1alpha2.ClusterNetworkPolicy) int { return int(a.Spec.Priority - b.Spec.Priority) })
	for _, p := range list {
		if d == Ingress {
			for _, rule := range p.Spec.Ingress {
				for _, from := range rule.From {
					if r.peer(from.Namespaces, from.Pods, other) && r.protocols(rule.Protocols, c) {
						return rule.Action
					}
				}
			}
			continue
		}
		for _, rule := range p.Spec.Egress {
			for _, to := range rule.To {
				if r.egressPeer(&to, other) && r.protocols(rule.Protocols, c) {
					return rule.Action
				}
			}
		}
	}
	return v1alpha2.ClusterNetworkPolicyRuleActionPass
}

func (r *reference) egressPeer(p *v1alpha2.ClusterNetworkPolicyEgressPeer, other refEnd) bool {
	switch {
	case p.Nodes != nil:
		node := refNode(other)
		return node != "" && refSelects(p.Nodes, r.nodes[node])
	case len(p.Networks) > 0:
		return slices.ContainsFunc(p.Networks, func(n v1alpha2.CIDR) bool { return refIn(string(n), other.ip) })
	}
	return r.peer(p.Namespaces, p.Pods, other)
}

func (r *reference) peer(namespaces *metav1.LabelSelector, pods *v1alpha2.NamespacedPod, e refEnd) bool {
	if e.pod == nil || e.pod.host {
		return false // "host-networked pods are not included"
	}
	if namespaces != nil {
		return refSelects(namespaces, r.namespaces[e.pod.namespace])
	}
	return refSelects(&pods.NamespaceSelector, r.namespaces[e.pod.namespace]) && refSelects(&pods.PodSelector, e.pod.labels)
}

func (r *reference) protocols(list []v1alpha2.ClusterNetworkPolicyProtocol, c *refCall) bool {
	if len(list) == 0 {
		return true
	}
	for _, p := range list {
		var port *v1alpha2.Port
		switch {
		case p.TCP != nil && c.proto == corev1.ProtocolTCP:
			port = p.TCP.DestinationPort
		case p.UDP != nil && c.proto == corev1.ProtocolUDP:
			port = p.UDP.DestinationPort
		case p.SCTP != nil && c.proto == corev1.ProtocolSCTP:
			port = p.SCTP.DestinationPort
		case p.DestinationNamedPort != "" && refNamed(c, p.DestinationNamedPort):
			return true
		}
		switch {
		case port == nil:
		case port.Range != nil && c.port >= port.Range.Start && c.port <= port.Range.End, port.Number == c.port:
			return true
		}
	}
	return false
}
