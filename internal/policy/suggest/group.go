package suggest

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// groups are peers with the ports that were called, for one direction.
type groups struct {
	namespace string // the policy's
	peers     map[string]networkingv1.NetworkPolicyPeer
	ports     map[string]map[called]bool // by the peer's text
}

type called struct {
	proto corev1.Protocol
	port  uint16
}

func newGroups(namespace string) groups {
	return groups{namespace, map[string]networkingv1.NetworkPolicyPeer{}, map[string]map[called]bool{}}
}

func (g *groups) add(p *Peer, proto corev1.Protocol, port uint16) {
	text := textOf(p)
	if g.ports[text] == nil {
		g.ports[text] = map[called]bool{}
		g.peers[text] = g.peer(p)
	}
	g.ports[text][called{proto, port}] = true
}

// textOf is the same for the same peer, and sorts addresses behind pods.
func textOf(p *Peer) string {
	if p.Namespace == "" {
		return "~" + p.Addr.Netip().StringExpanded()
	}
	var b strings.Builder
	b.WriteString(p.Namespace)
	for _, key := range slices.Sorted(maps.Keys(p.Labels)) {
		b.WriteString("\x00" + key + "=" + p.Labels[key])
	}
	return b.String()
}

// peer writes a peer as the API does.
func (g *groups) peer(p *Peer) (out networkingv1.NetworkPolicyPeer) {
	if p.Namespace == "" {
		a := p.Addr.Netip()
		out.IPBlock = &networkingv1.IPBlock{CIDR: netip.PrefixFrom(a, a.BitLen()).String()}
		return out
	}
	out.PodSelector = &metav1.LabelSelector{MatchLabels: p.Labels}
	if p.Namespace != g.namespace {
		out.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.Namespace}}
	}
	return out
}

// group is a rule: peers that were called, or called, at the same ports.
type group struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func (g *groups) sorted() []group {
	var all []group
	at := map[string]int{} // by the text of the ports
	for _, text := range slices.Sorted(maps.Keys(g.peers)) {
		ports := slices.SortedFunc(maps.Keys(g.ports[text]), func(a, b called) int {
			return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.port, b.port))
		})
		var key strings.Builder
		var list []networkingv1.NetworkPolicyPort
		for _, c := range ports {
			number := intstr.FromInt32(int32(c.port))
			key.WriteString(string(c.proto) + number.String() + " ")
			list = append(list, networkingv1.NetworkPolicyPort{Protocol: &c.proto, Port: &number})
		}
		i, known := at[key.String()]
		if !known {
			i = len(all)
			at[key.String()] = i
			all = append(all, group{ports: list})
		}
		all[i].peers = append(all[i].peers, g.peers[text])
	}
	return all
}
