package policy

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// peerSpec is what the peers and subjects of all versions of the API have in
// common. Exactly one field is set.
type peerSpec struct {
	namespaces *metav1.LabelSelector
	pods       *v1alpha1.NamespacedPod
	nodes      *metav1.LabelSelector
	networks   []string
	domains    bool
}

// peer compiles a peer; of several networks the first.
func (c *compiler) peer(path string, s peerSpec) (out peer, ok bool) {
	set := bit(s.namespaces != nil) + bit(s.pods != nil) + bit(s.nodes != nil) + bit(len(s.networks) > 0) + bit(s.domains)
	if set != 1 {
		c.fail(path, "has %d fields that are known, not 1", set)
		return peer{kind: pods, namespace: everything, pod: everything}, false
	}
	out = peer{kind: pods, namespace: everything, pod: everything}
	switch {
	case s.namespaces != nil:
		out.namespace, ok = c.selector(path+".namespaces", s.namespaces)
	case s.pods != nil:
		var also bool
		out.namespace, ok = c.selector(path+".pods.namespaceSelector", &s.pods.NamespaceSelector)
		out.pod, also = c.selector(path+".pods.podSelector", &s.pods.PodSelector)
		ok = ok && also
	case s.nodes != nil:
		out.kind = nodes
		out.pod, ok = c.selector(path+".nodes", s.nodes)
	case s.domains:
		return peer{kind: domains}, true
	default:
		out.kind = block
		out.block, ok = c.cidr(at(path+".networks", 0), s.networks[0])
	}
	return out, ok
}

func alphaIngress(from []v1alpha1.AdminNetworkPolicyIngressPeer) (all []peerSpec) {
	for _, f := range from {
		all = append(all, peerSpec{namespaces: f.Namespaces, pods: f.Pods})
	}
	return all
}

func textsOf[T ~string](all []T) []string {
	texts := make([]string, len(all))
	for i, t := range all {
		texts[i] = string(t)
	}
	return texts
}

// portSpec is what the ports of all versions of the API have in common.
type portSpec struct {
	path   string // of the port in its rule
	set    int    // fields that are set; exactly one must be
	name   string
	proto  corev1.Protocol
	lo, hi int32
}

// portSpecs are the ports of a rule; nil: any.
type portSpecs []portSpec

func (c *compiler) ports(r *rule, path string, all portSpecs) (ok bool) {
	if all != nil && len(all) == 0 {
		c.fail(path, "has an empty list of ports")
		return false
	}
	ok = true
	for i := range all {
		p, good := c.port(path+all[i].path, &all[i])
		r.ports, ok = append(r.ports, p), ok && good
	}
	return ok
}

func (c *compiler) port(path string, s *portSpec) (out port, ok bool) {
	if s.set != 1 {
		c.fail(path, "has %d fields that are known, not 1", s.set)
		return out, false
	}
	if s.name != "" {
		return c.named(path, anyProto, s.name)
	}
	if out.proto, ok = c.protocol(path, s.proto); !ok {
		return out, false
	}
	out.lo, out.hi, ok = c.span(path, s.lo, s.hi)
	return out, ok
}

func alphaPorts(list *[]v1alpha1.AdminNetworkPolicyPort) portSpecs {
	if list == nil {
		return nil
	}
	all := portSpecs{}
	for i, p := range *list {
		s := portSpec{path: at(".ports", i), set: bit(p.PortNumber != nil) + bit(p.NamedPort != nil) + bit(p.PortRange != nil)}
		switch {
		case p.PortNumber != nil:
			s.proto, s.lo, s.hi = p.PortNumber.Protocol, p.PortNumber.Port, p.PortNumber.Port
		case p.PortRange != nil:
			s.proto, s.lo, s.hi = p.PortRange.Protocol, p.PortRange.Start, p.PortRange.End
		case p.NamedPort != nil:
			s.name = *p.NamedPort
		}
		all = append(all, s)
	}
	return all
}

func clusterPorts(list []v1alpha2.ClusterNetworkPolicyProtocol) portSpecs {
	if list == nil {
		return nil
	}
	all := portSpecs{}
	for i, p := range list {
		s := portSpec{path: at(".protocols", i), name: p.DestinationNamedPort}
		s.set = bit(p.TCP != nil) + bit(p.UDP != nil) + bit(p.SCTP != nil) + bit(p.DestinationNamedPort != "")
		switch {
		case p.TCP != nil:
			s.number(flow.TCP, p.TCP.DestinationPort)
		case p.UDP != nil:
			s.number(flow.UDP, p.UDP.DestinationPort)
		case p.SCTP != nil:
			s.number(flow.SCTP, p.SCTP.DestinationPort)
		}
		all = append(all, s)
	}
	return all
}

// number reads a port of a ClusterNetworkPolicy. Without one the protocol has a
// condition that is not known, and the range stays empty.
func (s *portSpec) number(proto uint8, p *v1alpha2.Port) {
	s.proto = map[uint8]corev1.Protocol{flow.TCP: "TCP", flow.UDP: "UDP", flow.SCTP: "SCTP"}[proto]
	switch {
	case p == nil:
	case p.Range != nil && p.Number != 0:
		s.set = 2
	case p.Range != nil:
		s.lo, s.hi = p.Range.Start, p.Range.End
	default:
		s.lo, s.hi = p.Number, p.Number
	}
}
