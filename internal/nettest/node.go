//go:build linux

package nettest

import (
	"fmt"
	"net/netip"
	"testing"
)

// Node is a namespace that plays a Kubernetes node: pods hang on a bridge or are
// routed to, and uplinks lead to other nodes.
type Node struct {
	*Namespace
	Bridge string // empty: pods are routed to, each by its veth
	pods   int
}

// Pod is a namespace that plays a pod.
type Pod struct {
	*Namespace
	HostEnd string // name of the veth's end in the node
	Addr4   netip.Addr
	Addr6   netip.Addr
	node    *Node
}

// NewNode makes a node that forwards. With a bridge, its addresses are the
// pods' gateways: the prefixes' first host addresses.
func NewNode(t testing.TB, label string) *Node {
	t.Helper()
	n := &Node{Namespace: NewNamespace(t, label)}
	n.Sysctl(t, "net.ipv4.ip_forward=1")
	n.Sysctl(t, "net.ipv6.conf.all.forwarding=1")
	return n
}

// AddBridge makes the bridge that pods are plugged into from now on.
func (n *Node) AddBridge(t testing.TB, gateways ...string) {
	t.Helper()
	n.Bridge = "cni0"
	n.IP(t, "link add cni0 type bridge")
	for _, gateway := range gateways {
		n.IP(t, "addr add "+gateway+" dev cni0"+nodad(gateway))
	}
	n.IP(t, "link set cni0 up")
}

func nodad(prefix string) string {
	if netip.MustParsePrefix(prefix).Addr().Is6() {
		return " nodad"
	}
	return ""
}

// AddPod makes a pod with the given addresses (prefixes, as ip(8) takes them),
// whose default routes lead to the gateways.
func (n *Node) AddPod(t testing.TB, prefixes []string, gateways ...string) *Pod {
	t.Helper()
	n.pods++
	p := &Pod{Namespace: NewNamespace(t, fmt.Sprintf("pod%d", n.pods)), HostEnd: fmt.Sprintf("veth%d", n.pods), node: n}
	n.IP(t, fmt.Sprintf("link add %s type veth peer name eth0 netns %s", p.HostEnd, p.Name))
	if n.Bridge != "" {
		n.IP(t, fmt.Sprintf("link set %s master %s", p.HostEnd, n.Bridge))
	}
	n.IP(t, "link set "+p.HostEnd+" up")
	p.IP(t, "link set eth0 up")
	for _, prefix := range prefixes {
		p.IP(t, "addr add "+prefix+" dev eth0"+nodad(prefix))
		addr := netip.MustParsePrefix(prefix).Addr()
		if addr.Is4() {
			p.Addr4 = addr
		} else {
			p.Addr6 = addr
		}
	}
	for _, gateway := range gateways {
		p.IP(t, "route add default via "+gateway+" dev eth0")
	}
	return p
}

// Join puts a veth pair between two namespaces, named and addressed as given.
func Join(t testing.TB, a *Namespace, nameA, prefixA string, b *Namespace, nameB, prefixB string) {
	t.Helper()
	a.IP(t, fmt.Sprintf("link add %s type veth peer name %s netns %s", nameA, nameB, b.Name))
	for _, end := range []struct {
		in           *Namespace
		name, prefix string
	}{{a, nameA, prefixA}, {b, nameB, prefixB}} {
		if end.prefix != "" {
			end.in.IP(t, "addr add "+end.prefix+" dev "+end.name+nodad(end.prefix))
		}
		end.in.IP(t, "link set "+end.name+" up")
	}
}
