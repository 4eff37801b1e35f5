//go:build linux

package nettest

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// AddLink makes an interface; it skips the test if this kernel has none of its kind.
func (n *Namespace) AddLink(t testing.TB, l netlink.Link) {
	t.Helper()
	n.Do(t, func() { RequireKernel(t, l.Type(), netlink.LinkAdd(l)) })
}

// AddVeth makes a veth pair with one end here and the other in peer. An index
// of 0 lets the kernel choose.
func (n *Namespace) AddVeth(t testing.TB, name string, index int, peer *Namespace, peerName string) {
	t.Helper()
	handle, err := netns.GetFromPath(peer.Path)
	require.NoError(t, err)
	defer handle.Close()
	n.AddLink(t, &netlink.Veth{LinkAttrs: Attrs(name, index), PeerName: peerName, PeerNamespace: netlink.NsFd(handle)})
}

// AddNetkit makes a netkit pair like AddVeth, and skips the test if this kernel
// has none.
func (n *Namespace) AddNetkit(t testing.TB, name string, peer *Namespace, peerName string) {
	t.Helper()
	handle, err := netns.GetFromPath(peer.Path)
	require.NoError(t, err)
	defer handle.Close()
	pair := &netlink.Netkit{LinkAttrs: Attrs(name, 0), Mode: netlink.NETKIT_MODE_L2,
		Policy: netlink.NETKIT_POLICY_FORWARD, PeerPolicy: netlink.NETKIT_POLICY_FORWARD}
	peerAttrs := Attrs(peerName, 0)
	peerAttrs.Namespace = netlink.NsFd(handle)
	pair.SetPeerAttrs(&peerAttrs)
	n.AddLink(t, pair)
}

// Attrs are the attributes of an interface that is to be made.
func Attrs(name string, index int) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name, a.Index = name, index
	return a
}

// Link reads an interface.
func (n *Namespace) Link(t testing.TB, name string) (l netlink.Link) {
	t.Helper()
	n.Do(t, func() {
		var err error
		l, err = netlink.LinkByName(name)
		require.NoError(t, err, name)
	})
	return l
}

// DeleteLink removes an interface, and its peer.
func (n *Namespace) DeleteLink(t testing.TB, name string) {
	t.Helper()
	l := n.Link(t, name)
	n.Do(t, func() { require.NoError(t, netlink.LinkDel(l), name) })
}

// Up switches interfaces on.
func (n *Namespace) Up(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		l := n.Link(t, name)
		n.Do(t, func() { require.NoError(t, netlink.LinkSetUp(l), name) })
	}
}

// Enslave makes an interface a port of another.
func (n *Namespace) Enslave(t testing.TB, name, master string) {
	t.Helper()
	port, m := n.Link(t, name), n.Link(t, master)
	n.Do(t, func() { require.NoError(t, netlink.LinkSetMaster(port, m), name) })
}

// Move puts an interface into another namespace.
func (n *Namespace) Move(t testing.TB, name string, to *Namespace) {
	t.Helper()
	handle, err := netns.GetFromPath(to.Path)
	require.NoError(t, err)
	defer handle.Close()
	l := n.Link(t, name)
	n.Do(t, func() { require.NoError(t, netlink.LinkSetNsFd(l, int(handle)), name) })
}

// AddAddress gives an interface an address with its prefix, usable at once.
func (n *Namespace) AddAddress(t testing.TB, name, prefix string) {
	t.Helper()
	a := &netlink.Addr{IPNet: ipNet(netip.MustParsePrefix(prefix))}
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD
	}
	l := n.Link(t, name)
	n.Do(t, func() { require.NoError(t, netlink.AddrAdd(l, a), prefix) })
}

// AddRoute adds a route by a gateway, by an interface, or by both; what is not
// meant is empty. The prefix "default" is every address of the gateway's family.
func (n *Namespace) AddRoute(t testing.TB, prefix, gateway, name string) {
	t.Helper()
	r := &netlink.Route{}
	if prefix != "default" {
		r.Dst = ipNet(netip.MustParsePrefix(prefix).Masked())
	}
	if gateway != "" {
		r.Gw = net.ParseIP(gateway)
	} else {
		r.Scope = unix.RT_SCOPE_LINK
	}
	if name != "" {
		r.LinkIndex = n.Link(t, name).Attrs().Index
	}
	n.Do(t, func() { require.NoError(t, netlink.RouteAdd(r), prefix) })
}

// Introduce lets the ends of a link know each other's addresses, so that neither has to ask: no packet is then
// on the link but those of the test, and what drops packets drops no question.
func Introduce(t testing.TB, a *Namespace, nameA string, addressesA []string, b *Namespace, nameB string, addressesB []string) {
	t.Helper()
	a.addNeighbors(t, nameA, b.Link(t, nameB).Attrs().HardwareAddr, addressesB)
	b.addNeighbors(t, nameB, a.Link(t, nameA).Attrs().HardwareAddr, addressesA)
}

func (n *Namespace) addNeighbors(t testing.TB, name string, mac net.HardwareAddr, addresses []string) {
	t.Helper()
	index := n.Link(t, name).Attrs().Index
	n.Do(t, func() {
		for _, address := range addresses {
			neighbor := &netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(address), HardwareAddr: mac}
			require.NoError(t, netlink.NeighSet(neighbor), address)
		}
	})
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
