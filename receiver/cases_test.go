//go:build linux

package receiver

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// requests and answers are what an exchange of n datagrams is on the wire, with
// Ethernet, IP and UDP headers.
func requests(n uint64, v6 bool) flow.Count { return datagrams(n, 100, v6) }
func answers(n uint64, v6 bool) flow.Count  { return datagrams(n, 300, v6) }

func datagrams(n, payload uint64, v6 bool) flow.Count {
	if v6 {
		return flow.Count{Packets: n, Bytes: n * (payload + 14 + 40 + 8)}
	}
	return flow.Count{Packets: n, Bytes: n * (payload + 14 + 20 + 8)}
}

// place names a namespace of the test cluster.
type place func(*testCluster) *nettest.Namespace

func pod(node int, name string) place {
	return func(c *testCluster) *nettest.Namespace { return c.nodes[node-1].pods[name].Namespace }
}

func node(number int) place {
	return func(c *testCluster) *nettest.Namespace { return c.nodes[number-1].Namespace }
}

func outside(c *testCluster) *nettest.Namespace { return c.outside }

// masquerade hides pods' addresses from everything that is not a pod.
const masquerade = "post ip saddr 198.18.1.0/24 ip daddr != { 198.18.1.0/24, 198.18.2.0/24 } masquerade"

// Each packet counts once in the sum of the cluster, between the real ends.
func TestEachDirectionCountsOnceInTheCluster(t *testing.T) {
	const n = 50
	for _, test := range []struct {
		name           string
		client, server place
		listen, call   string
		rules          [2][]string // of both nodes
		want           map[edge]flow.Count
	}{
		{
			name: "pod to pod on one node", client: pod(1, "a1"), server: pod(1, "b1"),
			listen: "198.18.1.3:9000", call: "198.18.1.3:9000",
			want: map[edge]flow.Count{
				{"a1", "b1", "", 9000, false}: requests(n, false),
				{"b1", "a1", "", 9000, false}: answers(n, false),
			},
		},
		{
			name: "pod to pod across nodes", client: pod(1, "a1"), server: pod(2, "b2"),
			listen: "198.18.2.3:9000", call: "198.18.2.3:9000",
			want: map[edge]flow.Count{
				{"a1", "b2", "", 9000, false}: requests(n, false),
				{"b2", "a1", "", 9000, false}: answers(n, false),
			},
		},
		{
			name: "IPv6 across nodes", client: pod(1, "a1"), server: pod(2, "b2"),
			listen: "[fd00:2::3]:9000", call: "[fd00:2::3]:9000",
			want: map[edge]flow.Count{
				{"a1", "b2", "", 9000, false}: requests(n, true),
				{"b2", "a1", "", 9000, false}: answers(n, true),
			},
		},
		{
			name: "to a Service with its pod on the same node", client: pod(1, "a1"), server: pod(1, "b1"),
			listen: "198.18.1.3:9000", call: "198.19.0.10:80",
			rules: [2][]string{{"pre ip daddr 198.19.0.10 udp dport 80 dnat ip to 198.18.1.3:9000"}},
			want: map[edge]flow.Count{
				{"a1", "b1", "web", 80, false}: requests(n, false),
				{"b1", "a1", "", 9000, false}:  answers(n, false),
			},
		},
		{
			name: "to a Service with its pod on another node", client: pod(1, "a1"), server: pod(2, "b2"),
			listen: "198.18.2.3:9000", call: "198.19.0.10:80",
			rules: [2][]string{{"pre ip daddr 198.19.0.10 udp dport 80 dnat ip to 198.18.2.3:9000"}},
			want: map[edge]flow.Count{
				{"a1", "b2", "web", 80, false}: requests(n, false),
				{"b2", "a1", "", 9000, false}:  answers(n, false),
			},
		},
		{
			name: "hairpin: a pod reaches itself by its Service", client: pod(1, "a1"), server: pod(1, "a1"),
			listen: "198.18.1.2:9000", call: "198.19.0.10:80",
			rules: [2][]string{{
				"pre ip daddr 198.19.0.10 udp dport 80 dnat ip to 198.18.1.2:9000",
				"post ip saddr 198.18.1.2 ip daddr 198.18.1.2 masquerade",
			}},
			want: map[edge]flow.Count{
				{"a1", "a1", "web", 80, false}: requests(n, false),
				{"a1", "a1", "", 9000, false}:  answers(n, false),
			},
		},
		{
			name: "masqueraded to the outside", client: pod(1, "a1"), server: outside,
			listen: "198.18.0.254:9000", call: "198.18.0.254:9000",
			rules: [2][]string{{masquerade}},
			want: map[edge]flow.Count{
				{"a1", "External", "", 9000, false}: requests(n, false),
				{"External", "a1", "", 9000, false}: answers(n, false),
			},
		},
		{
			name: "masqueraded to another node", client: pod(1, "a1"), server: node(2),
			listen: "198.18.0.2:9000", call: "198.18.0.2:9000",
			rules: [2][]string{{masquerade}},
			want: map[edge]flow.Count{
				{"a1", "n2", "", 9000, false}: requests(n, false),
				{"n2", "n1", "", 9000, false}: answers(n, false),
			},
		},
		{
			name: "node process to a remote pod", client: node(1), server: pod(2, "b2"),
			listen: "198.18.2.3:9000", call: "198.18.2.3:9000",
			want: map[edge]flow.Count{
				{"n1", "b2", "", 9000, false}: requests(n, false),
				{"b2", "n1", "", 9000, false}: answers(n, false),
			},
		},
		{
			name: "node process to its own pod", client: node(1), server: pod(1, "b1"),
			listen: "198.18.1.3:9000", call: "198.18.1.3:9000",
			want: map[edge]flow.Count{
				{"n1", "b1", "", 9000, false}: requests(n, false),
				{"b1", "n1", "", 9000, false}: answers(n, false),
			},
		},
		{
			name: "node to node", client: node(1), server: node(2),
			listen: "198.18.0.2:9000", call: "198.18.0.2:9000",
			want: map[edge]flow.Count{
				{"n1", "n2", "", 9000, false}: requests(n, false),
				{"n2", "n1", "", 9000, false}: answers(n, false),
			},
		},
		{
			name: "outside to a node", client: outside, server: node(1),
			listen: "198.18.0.1:9000", call: "198.18.0.1:9000",
			want: map[edge]flow.Count{
				{"External", "n1", "", 9000, false}: requests(n, false),
				{"n1", "External", "", 9000, false}: answers(n, false),
			},
		},
		{
			name: "outside to a NodePort, client address kept", client: outside, server: pod(1, "b1"),
			listen: "198.18.1.3:9000", call: "198.18.0.1:30080",
			rules: [2][]string{{"pre ip daddr 198.18.0.1 udp dport 30080 dnat ip to 198.18.1.3:9000"}},
			want: map[edge]flow.Count{
				{"External", "b1", "", 30080, false}: requests(n, false),
				{"b1", "External", "", 9000, false}:  answers(n, false),
			},
		},
		{
			name: "outside to a NodePort, translated to a pod of the same node", client: outside, server: pod(1, "b1"),
			listen: "198.18.1.3:9000", call: "198.18.0.1:30080",
			rules: [2][]string{{
				"pre ip daddr 198.18.0.1 udp dport 30080 dnat ip to 198.18.1.3:9000",
				"post ip daddr 198.18.1.3 udp dport 9000 masquerade",
			}},
			want: map[edge]flow.Count{
				{"External", "b1", "", 30080, false}: requests(n, false),
				{"b1", "External", "", 9000, false}:  answers(n, false),
			},
		},
		{
			name: "outside to a NodePort, translated to a pod of another node", client: outside, server: pod(2, "b2"),
			listen: "198.18.2.3:9000", call: "198.18.0.1:30080",
			rules: [2][]string{{
				"pre ip daddr 198.18.0.1 udp dport 30080 dnat ip to 198.18.2.3:9000",
				"post ip daddr 198.18.2.3 udp dport 9000 masquerade",
			}},
			want: map[edge]flow.Count{
				{"External", "b2", "", 30080, false}: requests(n, false),
				{"b2", "n1", "", 9000, false}:        answers(n, false),
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTestCluster(t)
			c.service("web", "198.19.0.10")
			for i, rules := range test.rules {
				c.nodes[i].nft(t, rules...)
			}
			c.capture(t, nil)
			exchange(t, test.client(c), test.server(c), test.listen, test.call, n)
			require.Equal(t, test.want, c.totals(t))
			require.Len(t, append(c.nodes[0].logs, c.nodes[1].logs...), 1, "one event for one connection")
		})
	}
}

// A pod of the cluster's ranges that no object is known of counts as a pod, once.
func TestRemotePodNotKnownYetCountsOnce(t *testing.T) {
	c := newTestCluster(t)
	remote := netip.MustParseAddr("198.18.2.3")
	c.objects[remote] = &flow.Endpoint{Kind: flow.Pod, NodeName: "n2"}
	for _, n := range c.nodes {
		n.nft(t)
	}
	c.capture(t, nil)
	exchange(t, pod(1, "a1")(c), pod(2, "b2")(c), "198.18.2.3:9000", "198.18.2.3:9000", 10)
	require.Equal(t, map[edge]flow.Count{
		{"a1", "Pod", "", 9000, false}: requests(10, false),
		{"Pod", "a1", "", 9000, false}: answers(10, false),
	}, c.totals(t))
}
