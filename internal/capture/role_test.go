package capture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestRoleOfADevice(t *testing.T) {
	t.Parallel()
	const here = -1 // the other end is in this namespace
	gateway, host := routeUse{any: true, subnets: true}, routeUse{any: true}
	for _, test := range []struct {
		name    string
		devices []device
		routes  map[int]routeUse
		want    map[string]flow.Role // what is not named has no role
	}{
		{
			name:    "loopback",
			devices: []device{{index: 1, name: "lo", nsid: here, loopback: true}},
			routes:  map[int]routeUse{1: gateway},
		},
		{
			name: "network card and pods",
			devices: []device{{index: 2, name: "eth0", nsid: here}, {index: 3, name: "veth1", kind: "veth", peer: 2, nsid: 0},
				{index: 4, name: "lxc1", kind: "netkit", peer: 2, nsid: 1}},
			routes: map[int]routeUse{2: gateway},
			want:   map[string]flow.Role{"eth0": flow.Uplink, "veth1": flow.PodSide, "lxc1": flow.PodSide},
		},
		{
			name:    "network card without a route",
			devices: []device{{index: 2, name: "eth0", nsid: here}, {index: 3, name: "eth1", nsid: here}},
			routes:  map[int]routeUse{2: gateway},
			want:    map[string]flow.Role{"eth0": flow.Uplink},
		},
		{
			name:    "pods that are routed to, each by a route of its own",
			devices: []device{{index: 3, name: "cali1", kind: "veth", peer: 2, nsid: 0}},
			routes:  map[int]routeUse{3: host},
			want:    map[string]flow.Role{"cali1": flow.PodSide},
		},
		{
			name:    "a node that lives in a namespace itself",
			devices: []device{{index: 2, name: "eth0", kind: "veth", peer: 7, nsid: 0}, {index: 3, name: "veth1", kind: "veth", peer: 2, nsid: 1}},
			routes:  map[int]routeUse{2: gateway},
			want:    map[string]flow.Role{"eth0": flow.Uplink, "veth1": flow.PodSide},
		},
		{
			name:    "a pair with both ends here",
			devices: []device{{index: 3, name: "veth1", kind: "veth", peer: 4, nsid: here}, {index: 4, name: "veth2", kind: "veth", peer: 3, nsid: here}},
		},
		{
			name: "bond: the ports carry what the bond does",
			devices: []device{{index: 2, name: "eth0", nsid: here, master: 4}, {index: 3, name: "eth1", nsid: here, master: 4},
				{index: 4, name: "bond0", kind: "bond", nsid: here}},
			routes: map[int]routeUse{4: gateway},
			want:   map[string]flow.Role{"bond0": flow.Uplink},
		},
		{
			name:    "VLAN on a card that has routes, too",
			devices: []device{{index: 2, name: "eth0", nsid: here}, {index: 3, name: "eth0.100", kind: "vlan", peer: 2, nsid: here}},
			routes:  map[int]routeUse{2: gateway, 3: gateway},
			want:    map[string]flow.Role{"eth0": flow.Uplink, "eth0.100": flow.Uplink},
		},
		{
			name:    "VLAN on a card without routes",
			devices: []device{{index: 2, name: "eth0", nsid: here}, {index: 3, name: "eth0.100", kind: "vlan", peer: 2, nsid: here}},
			routes:  map[int]routeUse{3: gateway},
			want:    map[string]flow.Role{"eth0.100": flow.Uplink},
		},
		{
			name: "bridge with a card: the bridge is the top",
			devices: []device{{index: 2, name: "eth0", nsid: here, master: 3}, {index: 3, name: "br0", kind: "bridge", nsid: here},
				{index: 4, name: "veth1", kind: "veth", peer: 2, nsid: 0, master: 3}},
			routes: map[int]routeUse{3: gateway},
			want:   map[string]flow.Role{"br0": flow.Uplink, "veth1": flow.PodSide},
		},
		{
			name: "bridge of pods, and Docker's that is idle",
			devices: []device{{index: 2, name: "eth0", nsid: here}, {index: 3, name: "cni0", kind: "bridge", nsid: here},
				{index: 4, name: "veth1", kind: "veth", peer: 2, nsid: 0, master: 3}, {index: 5, name: "docker0", kind: "bridge", nsid: here}},
			routes: map[int]routeUse{2: gateway, 3: gateway, 5: gateway},
			want:   map[string]flow.Role{"eth0": flow.Uplink, "veth1": flow.PodSide},
		},
		{
			name: "tunnels",
			devices: []device{{index: 2, name: "eth0", nsid: here}, {index: 3, name: "flannel.1", kind: "vxlan", nsid: here, tunnel: 8472},
				{index: 4, name: "wg0", kind: "wireguard", nsid: here}, {index: 5, name: "tun0", kind: "tun", nsid: here}},
			routes: map[int]routeUse{2: gateway, 3: gateway, 4: host, 5: gateway},
			want:   map[string]flow.Role{"eth0": flow.Uplink, "flannel.1": flow.Uplink, "wg0": flow.Uplink, "tun0": flow.Uplink},
		},
		{
			name:    "macvlan: all of it passes the card below",
			devices: []device{{index: 2, name: "eth0", nsid: here}, {index: 3, name: "macvlan0", kind: "macvlan", peer: 2, nsid: here}},
			routes:  map[int]routeUse{2: gateway, 3: gateway},
			want:    map[string]flow.Role{"eth0": flow.Uplink},
		},
		{
			name:    "macvlan on a card without routes",
			devices: []device{{index: 2, name: "eth0", nsid: here}, {index: 3, name: "macvlan0", kind: "macvlan", peer: 2, nsid: here}},
			routes:  map[int]routeUse{3: gateway},
			want:    map[string]flow.Role{"macvlan0": flow.Uplink},
		},
		{
			name:    "macvlan of a node in a namespace, whose card is elsewhere",
			devices: []device{{index: 3, name: "eth0", kind: "macvlan", peer: 2, nsid: 0}, {index: 2, name: "veth1", kind: "veth", peer: 9, nsid: 1}},
			routes:  map[int]routeUse{3: gateway},
			want:    map[string]flow.Role{"eth0": flow.Uplink, "veth1": flow.PodSide},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			topology := topology{devices: map[int]device{}, routes: test.routes}
			for _, d := range test.devices {
				topology.devices[d.index] = d
			}
			got := map[string]flow.Role{}
			for _, d := range test.devices {
				if role := topology.role(d, selection{include: []string{interfaceAuto}}); role != flow.NoRole {
					got[d.name] = role
				}
			}
			if test.want == nil {
				test.want = map[string]flow.Role{}
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestRoleOfWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	topology := topology{
		devices: map[int]device{
			2: {index: 2, name: "eth0", nsid: -1}, 3: {index: 3, name: "tap1", kind: "tun", nsid: -1},
			4: {index: 4, name: "veth1", kind: "veth", peer: 2, nsid: 0}, 5: {index: 5, name: "br0", kind: "bridge", nsid: -1},
		},
		routes: map[int]routeUse{2: {any: true, subnets: true}, 5: {any: true, subnets: true}},
	}
	for _, test := range []struct {
		name             string
		include, exclude []string
		want             map[string]flow.Role
	}{
		{"auto", []string{"auto"}, nil, map[string]flow.Role{"eth0": flow.Uplink, "veth1": flow.PodSide}},
		{"a virtual machine's tap is like a pod", []string{"tap*"}, nil, map[string]flow.Role{"tap1": flow.PodSide}},
		{"what has a route is an uplink", []string{"br0"}, nil, map[string]flow.Role{"br0": flow.Uplink}},
		{"auto and more", []string{"auto", "tap1"}, nil, map[string]flow.Role{"eth0": flow.Uplink, "veth1": flow.PodSide, "tap1": flow.PodSide}},
		{"all but some", []string{"*"}, []string{"eth*", "br?"}, map[string]flow.Role{"veth1": flow.PodSide, "tap1": flow.PodSide}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]flow.Role{}
			for _, d := range topology.devices {
				if role := topology.role(d, selection{test.include, test.exclude}); role != flow.NoRole {
					got[d.name] = role
				}
			}
			require.Equal(t, test.want, got)
		})
	}
}
