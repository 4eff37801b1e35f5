//go:build linux

package capture

import (
	"path"
	"slices"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// device is what netlink says of an interface, as far as its role depends on it.
type device struct {
	index    int
	name     string
	kind     string // veth, netkit, bridge, vxlan, ... as the kernel spells it; empty for hardware
	peer     int    // ifindex of the veth's other end, or of the device below
	nsid     int    // of the network namespace that the other end is in; -1: this one
	master   int    // of the bridge or bond that it is a port of
	loopback bool
	ethernet bool   // packets begin with an Ethernet header
	tunnel   uint16 // UDP port of a VXLAN or Geneve device
}

// isPair: of a pair the kernel counts what it hands over, as our hooks see it.
func (d device) isPair() bool { return d.kind == "veth" || d.kind == "netkit" }

// routeUse says how the main routing tables use an interface.
type routeUse struct {
	any     bool
	subnets bool // by a gateway, or for more than single hosts
}

// selection is the configuration's choice of interfaces.
type selection struct{ include, exclude []string }

func (s selection) excluded(name string) bool { return matches(s.exclude, name) }

func (s selection) auto() bool { return slices.Contains(s.include, interfaceAuto) }

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, _ := path.Match(pattern, name) // patterns were validated
		return matched
	})
}

// topology is what roles are concluded from.
type topology struct {
	devices map[int]device
	routes  map[int]routeUse
}

// role concludes what a device is for the node.
func (t *topology) role(d device, s selection) flow.Role {
	if d.loopback || s.excluded(d.name) {
		return flow.NoRole
	}
	auto := flow.NoRole
	switch {
	case t.isPodSide(d):
		auto = flow.PodSide
	case t.isUplink(d):
		auto = flow.Uplink
	}
	if auto != flow.NoRole && s.auto() {
		return auto
	}
	if !matches(s.include, d.name) {
		return flow.NoRole
	}
	if auto == flow.NoRole && t.routes[d.index].any {
		return flow.Uplink
	}
	if auto == flow.NoRole {
		return flow.PodSide // a tap device of a virtual machine, say
	}
	return auto
}

// isPodSide: the host end of a pair whose other end is in another network
// namespace, unless the node itself routes by it: then it is the node that
// lives in a namespace, and this is its way out. Routes to single hosts are how many
// CNIs lead to their pods.
func (t *topology) isPodSide(d device) bool {
	return d.isPair() && d.nsid >= 0 && !t.routes[d.index].subnets
}

// isUplink: a route leaves by it, and it is neither a port of something nor a
// bridge that connects nothing but pods, nor does all of it pass another uplink
// under the node's own addresses.
func (t *topology) isUplink(d device) bool {
	if !t.routes[d.index].any || d.master != 0 || t.isPodSide(d) {
		return false
	}
	switch d.kind {
	case "bridge":
		return t.leadsOut(d.index)
	case "macvlan", "ipvlan":
		below, here := t.devices[d.peer]
		return d.nsid >= 0 || !here || !t.isUplink(below)
	default:
		return true
	}
}

// leadsOut tells whether a bridge has a port that is not a pod's.
func (t *topology) leadsOut(bridge int) bool {
	for _, d := range t.devices {
		if d.master == bridge && !t.isPodSide(d) {
			return true
		}
	}
	return false
}
