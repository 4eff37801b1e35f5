// Package policytest makes random policies of a small world, so that they meet
// each other often: for tests that compare evaluators.
package policytest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// Random makes objects.
type Random struct{ *rand.Rand }

// New makes the same objects for the same seed.
func New(seed uint64) Random { return Random{rand.New(rand.NewPCG(seed, 1))} }

// OneIn is true once in so many times.
func (r Random) OneIn(n int) bool { return r.IntN(n) == 0 }

// Pick returns one of all.
func Pick[T any](r Random, all ...T) T { return all[r.IntN(len(all))] }

func several[T any](r Random, most int, one func() T) (all []T) {
	for range r.IntN(most + 1) {
		all = append(all, one())
	}
	return all
}

// Labels of pods, namespaces and nodes.
func (r Random) Labels() map[string]string {
	all := map[string]string{}
	for _, k := range []string{"a", "b", "c"} {
		if !r.OneIn(3) {
			all[k] = Pick(r, "1", "2", "3")
		}
	}
	return all
}

func (r Random) selector() *metav1.LabelSelector {
	s := &metav1.LabelSelector{}
	if r.OneIn(4) {
		return s
	}
	if r.OneIn(2) {
		s.MatchLabels = map[string]string{Pick(r, "a", "b"): Pick(r, "1", "2")}
	}
	for range r.IntN(2) {
		e := metav1.LabelSelectorRequirement{Key: Pick(r, "a", "b", "c", "d"),
			Operator: Pick(r, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
		if e.Operator == metav1.LabelSelectorOpIn || e.Operator == metav1.LabelSelectorOpNotIn {
			e.Values = []string{Pick(r, "1", "2"), Pick(r, "2", "3")}
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return s
}

// Proto is a protocol that has ports.
func (r Random) Proto() corev1.Protocol {
	return Pick(r, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
}

// CIDR is a range that some of the addresses are in.
func (r Random) CIDR() string {
	if r.OneIn(3) {
		return fmt.Sprintf("fd00::%d:0/%d", r.IntN(3), 96+r.IntN(33))
	}
	return fmt.Sprintf("198.18.%d.%d/%d", r.IntN(4), r.IntN(8), 20+r.IntN(13))
}

// IP is an address that some of the ranges contain.
func (r Random) IP() string {
	if r.OneIn(3) {
		return netip.MustParseAddr(fmt.Sprintf("fd00::%d:%d", r.IntN(3), r.IntN(8))).String()
	}
	return fmt.Sprintf("198.18.%d.%d", r.IntN(4), r.IntN(8))
}

// Port is a port that some of the rules are about.
func (r Random) Port() int32 { return 80 + r.Int32N(5) }

func (r Random) networkPort() networkingv1.NetworkPolicyPort {
	var p networkingv1.NetworkPolicyPort
	if r.OneIn(2) {
		proto := r.Proto()
		p.Protocol = &proto
	}
	switch r.IntN(4) {
	case 0:
		name := intstr.FromString(Pick(r, "web", "dns"))
		p.Port = &name
	case 1, 2:
		n := intstr.FromInt32(r.Port())
		p.Port = &n
		if r.OneIn(2) {
			end := n.IntVal + r.Int32N(3)
			p.EndPort = &end
		}
	}
	return p
}

func (r Random) networkPeer() (p networkingv1.NetworkPolicyPeer) {
	switch r.IntN(4) {
	case 0:
		p.IPBlock = &networkingv1.IPBlock{CIDR: r.CIDR(), Except: several(r, 2, r.CIDR)}
	case 1:
		p.PodSelector = r.selector()
	case 2:
		p.NamespaceSelector = r.selector()
	default:
		p.NamespaceSelector, p.PodSelector = r.selector(), r.selector()
	}
	return p
}

// NetworkPolicy is one of namespace n1 or n2.
func (r Random) NetworkPolicy(name string) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Pick(r, "n1", "n2"), Name: name},
	}
	p.Spec.PodSelector = *r.selector()
	p.Spec.Ingress = several(r, 3, func() networkingv1.NetworkPolicyIngressRule {
		return networkingv1.NetworkPolicyIngressRule{Ports: several(r, 2, r.networkPort), From: several(r, 2, r.networkPeer)}
	})
	p.Spec.Egress = several(r, 3, func() networkingv1.NetworkPolicyEgressRule {
		return networkingv1.NetworkPolicyEgressRule{Ports: several(r, 2, r.networkPort), To: several(r, 2, r.networkPeer)}
	})
	p.Spec.PolicyTypes = Pick(r, nil, []networkingv1.PolicyType{"Ingress"}, []networkingv1.PolicyType{"Egress"}, []networkingv1.PolicyType{"Ingress", "Egress"})
	return p
}

func (r Random) protocols() []v1alpha2.ClusterNetworkPolicyProtocol {
	return several(r, 2, func() (p v1alpha2.ClusterNetworkPolicyProtocol) {
		port := &v1alpha2.Port{Number: r.Port()}
		if r.OneIn(2) {
			port = &v1alpha2.Port{Range: &v1alpha2.PortRange{Start: port.Number, End: port.Number + 2}}
		}
		switch r.IntN(4) {
		case 0:
			p.DestinationNamedPort = Pick(r, "web", "dns")
		case 1:
			p.UDP = &v1alpha2.ClusterNetworkPolicyProtocolUDP{DestinationPort: port}
		default:
			p.TCP = &v1alpha2.ClusterNetworkPolicyProtocolTCP{DestinationPort: port}
		}
		return p
	})
}

func (r Random) namespacedPod() *v1alpha2.NamespacedPod {
	return &v1alpha2.NamespacedPod{NamespaceSelector: *r.selector(), PodSelector: *r.selector()}
}

func (r Random) action() v1alpha2.ClusterNetworkPolicyRuleAction {
	return Pick(r, v1alpha2.ClusterNetworkPolicyRuleActionAccept, v1alpha2.ClusterNetworkPolicyRuleActionDeny, v1alpha2.ClusterNetworkPolicyRuleActionPass)
}

// ClusterPolicy is one of either tier.
func (r Random) ClusterPolicy(name string, priority int32) *v1alpha2.ClusterNetworkPolicy {
	p := &v1alpha2.ClusterNetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy.networking.k8s.io/v1alpha2", Kind: "ClusterNetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
	}
	p.Spec.Tier, p.Spec.Priority = Pick(r, v1alpha2.AdminTier, v1alpha2.BaselineTier), priority
	if r.OneIn(2) {
		p.Spec.Subject.Namespaces = r.selector()
	} else {
		p.Spec.Subject.Pods = r.namespacedPod()
	}
	p.Spec.Ingress = several(r, 2, func() v1alpha2.ClusterNetworkPolicyIngressRule {
		peer := v1alpha2.ClusterNetworkPolicyIngressPeer{Namespaces: r.selector()}
		if r.OneIn(2) {
			peer = v1alpha2.ClusterNetworkPolicyIngressPeer{Pods: r.namespacedPod()}
		}
		return v1alpha2.ClusterNetworkPolicyIngressRule{Action: r.action(), From: []v1alpha2.ClusterNetworkPolicyIngressPeer{peer}, Protocols: r.protocols()}
	})
	p.Spec.Egress = several(r, 2, func() v1alpha2.ClusterNetworkPolicyEgressRule {
		var to []v1alpha2.ClusterNetworkPolicyEgressPeer
		for range 1 + r.IntN(2) {
			to = append(to, Pick(r, v1alpha2.ClusterNetworkPolicyEgressPeer{Namespaces: r.selector()}, v1alpha2.ClusterNetworkPolicyEgressPeer{Pods: r.namespacedPod()},
				v1alpha2.ClusterNetworkPolicyEgressPeer{Nodes: r.selector()}, v1alpha2.ClusterNetworkPolicyEgressPeer{Networks: []v1alpha2.CIDR{v1alpha2.CIDR(r.CIDR()), v1alpha2.CIDR(r.CIDR())}}))
		}
		return v1alpha2.ClusterNetworkPolicyEgressRule{Action: r.action(), To: to, Protocols: r.protocols()}
	})
	return p
}
