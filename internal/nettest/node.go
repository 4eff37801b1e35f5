//go:build linux

package nettest

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
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
	n.AddLink(t, &netlink.Bridge{LinkAttrs: Attrs(n.Bridge, 0)})
	for _, gateway := range gateways {
		n.AddAddress(t, n.Bridge, gateway)
	}
	n.Up(t, n.Bridge)
}

// AddPod makes a pod with the given addresses (prefixes, as ip(8) takes them),
// whose default routes lead to the gateways.
func (n *Node) AddPod(t testing.TB, prefixes []string, gateways ...string) *Pod {
	t.Helper()
	p := n.newPod(t)
	n.AddVeth(t, p.HostEnd, 0, p.Namespace, "eth0")
	n.plug(t, p, prefixes, gateways)
	return p
}

// AddNetkitPod makes a pod whose device is of a netkit pair; it skips the test if
// this kernel has none.
func (n *Node) AddNetkitPod(t testing.TB, prefixes []string, gateways ...string) *Pod {
	t.Helper()
	p := n.newPod(t)
	n.AddNetkit(t, p.HostEnd, p.Namespace, "eth0")
	n.plug(t, p, prefixes, gateways)
	return p
}

func (n *Node) newPod(t testing.TB) *Pod {
	t.Helper()
	n.pods++
	return &Pod{Namespace: NewNamespace(t, fmt.Sprintf("pod%d", n.pods)), HostEnd: fmt.Sprintf("veth%d", n.pods), node: n}
}

// plug switches a pod's pair on, and gives it addresses and routes.
func (n *Node) plug(t testing.TB, p *Pod, prefixes, gateways []string) {
	t.Helper()
	if n.Bridge != "" {
		n.Enslave(t, p.HostEnd, n.Bridge)
	}
	n.Up(t, p.HostEnd)
	p.Up(t, "eth0")
	for _, prefix := range prefixes {
		p.AddAddress(t, "eth0", prefix)
		addr := netip.MustParsePrefix(prefix).Addr()
		if addr.Is4() {
			p.Addr4 = addr
		} else {
			p.Addr6 = addr
		}
	}
	for _, gateway := range gateways {
		p.AddRoute(t, "default", gateway, "eth0")
	}
}

// Join puts a veth pair between two namespaces, named and addressed as given.
func Join(t testing.TB, a *Namespace, nameA, prefixA string, b *Namespace, nameB, prefixB string) {
	t.Helper()
	a.AddVeth(t, nameA, 0, b, nameB)
	for _, end := range []struct {
		in           *Namespace
		name, prefix string
	}{{a, nameA, prefixA}, {b, nameB, prefixB}} {
		if end.prefix != "" {
			end.in.AddAddress(t, end.name, end.prefix)
		}
		end.in.Up(t, end.name)
	}
}
