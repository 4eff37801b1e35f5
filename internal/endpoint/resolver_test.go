package endpoint

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// fakeCluster knows objects by address; listing tells that its first lists are not in.
type fakeCluster struct {
	objects map[string]*flow.Endpoint
	pending map[string]bool
	listing bool
	node    *flow.Endpoint
	unnamed *flow.Endpoint
}

func (c fakeCluster) Lookup(a flow.Addr, _ flow.Nanos) (*flow.Endpoint, bool) {
	address := a.Netip().String()
	return c.objects[address], c.pending[address] || c.listing && c.objects[address] == nil
}

func (c fakeCluster) Node() *flow.Endpoint       { return c.node }
func (c fakeCluster) UnnamedPod() *flow.Endpoint { return c.unnamed }

type own map[string]bool

func (o own) IsOwn(a flow.Addr) bool { return o[a.Netip().String()] }

func TestWhoIsBehindAnAddress(t *testing.T) {
	var (
		here     = &flow.Endpoint{Kind: flow.Pod, Local: true, PodName: "here"}
		there    = &flow.Endpoint{Kind: flow.Pod, PodName: "there", NodeName: "n2"}
		service  = &flow.Endpoint{Kind: flow.Service, Service: "web"}
		someone  = &flow.Endpoint{Kind: flow.Pod, NodeName: "n2"} // of n2's range
		node1    = &flow.Endpoint{Kind: flow.Node, Local: true, OwnerName: "n1"}
		node2    = &flow.Endpoint{Kind: flow.Node, OwnerName: "n2"}
		unnamed  = &flow.Endpoint{Kind: flow.Pod, Local: true, NodeName: "n1"}
		outside  = &flow.Endpoint{Kind: flow.External}
		office   = &flow.Endpoint{Kind: flow.External, CIDR: "office"}
		floor    = &flow.Endpoint{Kind: flow.External, CIDR: "floor"}
		moved    = &flow.Endpoint{Kind: flow.Pod, Local: true, PodName: "there", NodeName: "n2"}
		nameless = &flow.Endpoint{Kind: flow.Pod, Local: true, NodeName: "host"}
		self     = &flow.Endpoint{Kind: flow.Node, Local: true, NodeName: "host", OwnerName: "host", OwnerType: "Node"}
		knowing  = fakeCluster{node: node1, unnamed: unnamed, pending: map[string]bool{"198.18.2.9": true, "198.18.2.8": true, "198.18.0.1": true},
			objects: map[string]*flow.Endpoint{"198.18.1.2": here, "198.18.2.2": there, "198.19.0.10": service, "198.18.0.2": node2,
				"198.18.2.9": someone, "fd00:2::2": there}}
		starting = fakeCluster{node: node1, unnamed: unnamed, listing: true}
	)
	for _, test := range []struct {
		name    string
		cluster Cluster
		address string
		behind  bool
		want    *flow.Endpoint
		wait    bool
	}{
		{"a pod of this node", knowing, "198.18.1.2", true, here, false},
		{"a pod of this node that was not seen", knowing, "198.18.1.2", false, here, false},
		{"a pod of another node", knowing, "198.18.2.2", false, there, false},
		{"by IPv6", knowing, "fd00:2::2", false, there, false},
		{"seen here, its object says elsewhere", knowing, "198.18.2.2", true, moved, false},
		{"a Service", knowing, "198.19.0.10", false, service, false},
		{"a Service is not here because its packets are", knowing, "198.19.0.10", true, service, false},
		{"another node", knowing, "198.18.0.2", false, node2, false},
		{"this node, before its object is known", knowing, "198.18.0.1", false, node1, false},
		{"an address of a range, its pod not known yet", knowing, "198.18.2.9", false, someone, true},
		{"likewise, and seen here", knowing, "198.18.2.9", true, &flow.Endpoint{Kind: flow.Pod, Local: true, NodeName: "n2"}, true},
		{"of the cluster, nothing known yet", knowing, "198.18.2.8", false, outside, true},
		{"behind a veth, and nobody knows it", knowing, "198.18.7.7", true, unnamed, true},
		{"outside", knowing, "192.0.2.1", false, outside, false},
		{"in a range with a name", knowing, "198.51.100.1", false, office, false},
		{"the longest range counts", knowing, "198.51.100.200", false, floor, false},
		{"a range of IPv6", knowing, "2001:db8::1", false, office, false},

		{"at the start: this node", starting, "198.18.0.1", false, node1, false},
		{"at the start: a pod", starting, "198.18.1.2", true, unnamed, true},
		{"at the start: anybody", starting, "198.18.2.2", false, outside, true},
		{"at the start: in a range with a name", starting, "198.51.100.1", false, office, true},

		{"without Kubernetes: behind a veth", nil, "198.18.1.2", true, nameless, false},
		{"without Kubernetes: this node", nil, "198.18.0.1", false, self, false},
		{"without Kubernetes: this node's bridge, seen behind a veth", nil, "198.18.0.1", true, self, false},
		{"without Kubernetes: a range with a name", nil, "198.51.100.1", false, office, false},
		{"without Kubernetes: a range with a name, behind a veth", nil, "198.51.100.1", true, nameless, false},
		{"without Kubernetes: outside", nil, "192.0.2.1", false, outside, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			ranges := Config{"office": {"198.51.100.0/24", "2001:db8::/32"}, "floor": {"198.51.100.128/25"}}
			r := New(ranges, test.cluster, own{"198.18.0.1": true}, "host")
			addr := flow.AddrFrom(netip.MustParseAddr(test.address))
			e, wait := r.Resolve(addr, 1, test.behind)
			require.Equal(t, test.want, e)
			require.Equal(t, test.wait, wait)
			again, _ := r.Resolve(addr, 2, test.behind)
			require.Same(t, e, again, "the pointer stands for the identity")
		})
	}
}

// The node's own name without an object of it.
func TestThisNodeWithoutAnObject(t *testing.T) {
	r := New(nil, fakeCluster{}, own{"198.18.0.1": true}, "host")
	e, _ := r.Resolve(flow.AddrFrom(netip.MustParseAddr("198.18.0.1")), 1, false)
	require.Equal(t, "host", e.OwnerName)
}

func TestPodsThatMovedAreBounded(t *testing.T) {
	c := fakeCluster{objects: map[string]*flow.Endpoint{}}
	r := New(nil, c, own{}, "host")
	a := flow.AddrFrom(netip.MustParseAddr("198.18.0.1"))
	for range 3 * localisedAtMost {
		c.objects["198.18.0.1"] = &flow.Endpoint{Kind: flow.Pod}
		e, _ := r.Resolve(a, 1, true)
		require.True(t, e.Local)
		require.LessOrEqual(t, len(r.localised), localisedAtMost)
	}
}

func TestResolvingCostsNoMemory(t *testing.T) {
	there := &flow.Endpoint{Kind: flow.Pod}
	r := New(Config{"office": {"198.51.100.0/24"}}, fakeCluster{}, own{}, "host")
	r.localise(there, true)
	a := flow.AddrFrom(netip.MustParseAddr("198.51.100.1"))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.outsider(a)
		r.localise(there, true)
	}))
}
