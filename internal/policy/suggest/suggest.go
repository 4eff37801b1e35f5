package suggest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/policy"
)

// Workload is whose policy it is.
type Workload struct {
	Namespace string
	Kind      string // Deployment, StatefulSet, ...
	Name      string
	Labels    map[string]string // that are Stable
	Node      string            // where it was seen
	Seen      int               // of its replicas
	Replicas  int               // of all nodes; 0: not known
}

// Edge is what one of the workload's pods was seen to do: it called (Egress) or
// was called (Ingress).
type Edge struct {
	Direction policy.Direction
	Peer      Peer
	Port      uint16 // that was called, after translation; host byte order
	Proto     uint8  // IANA's number
}

// Peer is the other end: pods of a namespace with stable labels or, without a
// namespace, an address.
type Peer struct {
	Namespace string
	Labels    map[string]string
	Addr      flow.Addr
	Domain    string // that the address was looked up as, if it was
}

// Errors of Policy.
var (
	ErrNoLabels = errors.New("suggest: the workload has no label that all its pods keep")
	ErrTooMany  = errors.New("suggest: more than 10000 edges were seen")
)

// maxEdges keeps a policy below what an API server stores in one object.
const maxEdges = 10_000

// Policy is the NetworkPolicy that allows the edges and nothing else, but DNS. It
// is the same for the same edges in any order. beyond counts the edges that no
// NetworkPolicy can speak of: those of protocols without ports.
func Policy(w Workload, edges []Edge) (p *networkingv1.NetworkPolicy, beyond int, err error) {
	if len(w.Labels) == 0 {
		return nil, 0, ErrNoLabels
	}
	if len(edges) > maxEdges {
		return nil, 0, ErrTooMany
	}
	p = &networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   w.Namespace,
			Name:        nameOf(w),
			Annotations: annotationsOf(w, edges),
		},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: w.Labels},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		},
	}
	in, out := newGroups(w.Namespace), newGroups(w.Namespace)
	for i := range edges {
		e := &edges[i]
		proto, has := protocolOf(e.Proto)
		switch {
		case !has:
			beyond++
		case e.Direction == policy.Ingress:
			in.add(&e.Peer, proto, e.Port)
		default:
			out.add(&e.Peer, proto, e.Port)
		}
	}
	for _, proto := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
		out.add(clusterDNS(), proto, 53)
	}
	for _, g := range in.sorted() {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: g.peers, Ports: g.ports})
	}
	for _, g := range out.sorted() {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: g.peers, Ports: g.ports})
	}
	return p, beyond, nil
}

// clusterDNS are the pods of the cluster's DNS, as its installers label them.
func clusterDNS() *Peer {
	return &Peer{Namespace: metav1.NamespaceSystem, Labels: map[string]string{"k8s-app": "kube-dns"}}
}

func protocolOf(proto uint8) (corev1.Protocol, bool) {
	switch proto {
	case flow.TCP:
		return corev1.ProtocolTCP, true
	case flow.UDP:
		return corev1.ProtocolUDP, true
	case flow.SCTP:
		return corev1.ProtocolSCTP, true
	}
	return "", false
}

// nameOf is WORKLOAD-NODE; what is too long ends with a hash instead.
func nameOf(w Workload) string {
	name := strings.ToLower(w.Name + "-" + w.Node)
	if len(name) <= validation.DNS1123SubdomainMaxLength {
		return name
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	return fmt.Sprintf("%s-%016x", strings.TrimRight(name[:validation.DNS1123SubdomainMaxLength-17], "-."), h.Sum64())
}

// maxDomains bounds their annotation, in bytes: an object's annotations have
// 256 KiB together.
const maxDomains = 128 << 10

// annotationsOf say how much was seen, and what the addresses were looked up as.
func annotationsOf(w Workload, edges []Edge) map[string]string {
	all := map[string]string{"ebpfnet/scope": "node", "ebpfnet/replicas": replicas(w)}
	var domains []string
	for i := range edges {
		if p := &edges[i].Peer; p.Namespace == "" && printable(p.Domain) {
			domains = append(domains, p.Addr.Netip().String()+" "+p.Domain)
		}
	}
	slices.Sort(domains)
	domains = slices.Compact(domains)
	var b strings.Builder
	for i, d := range domains {
		if b.Len()+len(d) > maxDomains {
			fmt.Fprintf(&b, "and %d more", len(domains)-i)
			break
		}
		b.WriteString(d + "\n")
	}
	if b.Len() > 0 {
		all["ebpfnet/domains"] = strings.TrimSuffix(b.String(), "\n")
	}
	return all
}

// printable tells whether a name is one that hosts have: whoever answers DNS
// chose it.
func printable(domain string) bool {
	return domain != "" && !strings.ContainsFunc(domain, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

func replicas(w Workload) string {
	if w.Replicas == 0 {
		return fmt.Sprintf("%d of an unknown number", w.Seen)
	}
	return fmt.Sprintf("%d of %d", w.Seen, w.Replicas)
}
