//go:build linux

package capture

import (
	"net"

	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// deviceOf keeps what a role depends on.
func deviceOf(l netlink.Link) device {
	a := l.Attrs()
	d := device{
		index:    a.Index,
		name:     a.Name,
		kind:     l.Type(),
		peer:     a.ParentIndex,
		nsid:     a.NetNsID,
		master:   a.MasterIndex,
		loopback: a.Flags&net.FlagLoopback != 0,
		ethernet: a.EncapType == "ether",
	}
	switch tunnel := l.(type) {
	case *netlink.Vxlan:
		d.tunnel = uint16(tunnel.Port)
	case *netlink.Geneve:
		d.tunnel = tunnel.Dport
	}
	return d
}

// countersOf are the kernel's own statistics of an interface by hook, as
// `ip -s link` shows them.
func countersOf(l netlink.Link) [2]flow.Count {
	s := l.Attrs().Statistics
	if s == nil {
		return [2]flow.Count{}
	}
	return [2]flow.Count{
		bpf.HookIngress: {Packets: s.RxPackets, Bytes: s.RxBytes},
		bpf.HookEgress:  {Packets: s.TxPackets, Bytes: s.TxBytes},
	}
}

// mainRoutes reads the main tables.
func mainRoutes(h *netlink.Handle) ([]netlink.Route, error) {
	return h.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: mainTable}, netlink.RT_FILTER_TABLE)
}

// usesOf says which interfaces routes leave by.
func usesOf(routes []netlink.Route) map[int]routeUse {
	uses := map[int]routeUse{}
	note := func(index int, gateway bool, dst *net.IPNet) {
		if index == 0 || isLinkLocal(dst) {
			return
		}
		u := uses[index]
		u.any = true
		u.subnets = u.subnets || gateway || !isHost(dst)
		uses[index] = u
	}
	for _, r := range routes {
		note(r.LinkIndex, r.Gw != nil || r.Via != nil, r.Dst)
		for _, hop := range r.MultiPath {
			note(hop.LinkIndex, hop.Gw != nil || hop.Via != nil, r.Dst)
		}
	}
	return uses
}

const mainTable = 254

// isLinkLocal: every interface has those routes, whatever it is for.
func isLinkLocal(dst *net.IPNet) bool {
	return dst != nil && (dst.IP.IsLinkLocalUnicast() || dst.IP.IsMulticast())
}

// isHost tells whether a route leads to one address only.
func isHost(dst *net.IPNet) bool {
	if dst == nil {
		return false
	}
	ones, bits := dst.Mask.Size()
	return ones == bits
}
