//go:build linux

package receiver

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/emit"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// A cluster of two nodes with two pods each, and a host outside, all joined by a
// switch. What informers would know is in a table; translation is real (nft).
//
//	outside 198.18.0.254 ─┬─ n1 198.18.0.1 ─ cni0 198.18.1.1 ─ a1 198.18.1.2, b1 198.18.1.3
//	                      └─ n2 198.18.0.2 ─ cni0 198.18.2.1 ─ a2 198.18.2.2, b2 198.18.2.3
type testCluster struct {
	outside *nettest.Namespace
	nodes   [2]*testNode
	objects map[netip.Addr]*flow.Endpoint
}

type testNode struct {
	*nettest.Node
	name string
	pods map[string]*nettest.Pod
	data *data
	logs []string
}

func newTestCluster(t *testing.T) *testCluster {
	t.Helper()
	nettest.RequireTool(t, "nft")
	c := &testCluster{outside: nettest.NewNamespace(t, "switch"), objects: map[netip.Addr]*flow.Endpoint{}}
	c.outside.IP(t, "link add br0 type bridge")
	c.outside.IP(t, "addr add 198.18.0.254/24 dev br0")
	c.outside.IP(t, "addr add fd00::254/64 dev br0 nodad")
	c.outside.IP(t, "link set br0 up")
	for i := range c.nodes {
		c.nodes[i] = c.addNode(t, i+1)
	}
	for i := range c.nodes {
		c.addRoutes(t, i+1)
	}
	return c
}

func (c *testCluster) addNode(t *testing.T, number int) *testNode {
	t.Helper()
	n := &testNode{Node: nettest.NewNode(t, fmt.Sprintf("n%d", number)), name: fmt.Sprintf("n%d", number), pods: map[string]*nettest.Pod{}}
	c.outside.IP(t, fmt.Sprintf("link add n%d type veth peer name eth0 netns %s", number, n.Name))
	c.outside.IP(t, fmt.Sprintf("link set n%d master br0 up", number))
	n.IP(t, "link set eth0 up")
	n.IP(t, fmt.Sprintf("addr add 198.18.0.%d/24 dev eth0", number))
	n.IP(t, fmt.Sprintf("addr add fd00::%d/64 dev eth0 nodad", number))
	n.IP(t, "route add default via 198.18.0.254")
	n.AddBridge(t, fmt.Sprintf("198.18.%d.1/24", number), fmt.Sprintf("fd00:%d::1/64", number))
	for i, name := range []string{"a", "b"} {
		p := n.AddPod(t, []string{fmt.Sprintf("198.18.%d.%d/24", number, i+2), fmt.Sprintf("fd00:%d::%d/64", number, i+2)},
			fmt.Sprintf("198.18.%d.1", number), fmt.Sprintf("fd00:%d::1", number))
		n.IP(t, "link set "+p.HostEnd+" type bridge_slave hairpin on") // as CNIs do
		name = fmt.Sprintf("%s%d", name, number)
		n.pods[name] = p
		pod := &flow.Endpoint{Kind: flow.Pod, Namespace: "test", OwnerName: name, OwnerType: "Pod", PodName: name, NodeName: n.name}
		c.objects[p.Addr4], c.objects[p.Addr6] = pod, pod
	}
	node := &flow.Endpoint{Kind: flow.Node, OwnerName: n.name, OwnerType: "Node", NodeName: n.name}
	c.objects[netip.MustParseAddr(fmt.Sprintf("198.18.0.%d", number))] = node
	c.objects[netip.MustParseAddr(fmt.Sprintf("fd00::%d", number))] = node
	return n
}

func (c *testCluster) addRoutes(t *testing.T, number int) {
	t.Helper()
	c.outside.IP(t, fmt.Sprintf("route add 198.18.%d.0/24 via 198.18.0.%d", number, number))
	c.outside.IP(t, fmt.Sprintf("route add fd00:%d::/64 via fd00::%d", number, number))
	for i, n := range c.nodes {
		if i+1 != number {
			n.IP(t, fmt.Sprintf("route add 198.18.%d.0/24 via 198.18.0.%d", number, number))
			n.IP(t, fmt.Sprintf("route add fd00:%d::/64 via fd00::%d", number, number))
		}
	}
}

// service is an address that nodes translate to a backend.
func (c *testCluster) service(name, address string) {
	c.objects[netip.MustParseAddr(address)] = &flow.Endpoint{
		Kind: flow.Service, Namespace: "test", OwnerName: name, OwnerType: "Service", Service: name,
	}
}

// nft adds translation rules to a node: chains pre, out and post of an inet table. As with
// kube-proxy, conntrack follows all connections then.
func (n *testNode) nft(t *testing.T, rules ...string) {
	t.Helper()
	script := `add table inet nat
add chain inet nat pre { type nat hook prerouting priority -100; }
add chain inet nat out { type nat hook output priority -100; }
add chain inet nat post { type nat hook postrouting priority 100; }
add rule inet nat pre ct state new counter
add rule inet nat out ct state new counter
`
	for _, rule := range rules {
		script += "add rule inet nat " + rule + "\n"
	}
	command := n.Command("nft -f -")
	command.Stdin = strings.NewReader(script)
	out, err := command.CombinedOutput()
	require.NoErrorf(t, err, "%s", out)
}

// capture starts both agents. Each sees the cluster as its own node would.
func (c *testCluster) capture(t *testing.T, adjust func(*Config)) {
	t.Helper()
	for _, n := range c.nodes {
		config := createDefaultConfig().(*Config)
		if adjust != nil {
			adjust(config)
		}
		captured, err := capture.New(config.Capture, capture.Options{NetNS: n.Path, Logger: zaptest.NewLogger(t)})
		require.NoError(t, err)
		self, err := newTelemetry(receivertest.NewNopSettings(metadata.Type))
		require.NoError(t, err)
		n.data, err = join(config, captured, c.seenFrom(n.name), n.name, self, zaptest.NewLogger(t))
		require.NoError(t, err)
		n.data.events = &events{enabled: true, scope: func() emit.Scope { return emit.Scope{} }, send: n.keep}
		t.Cleanup(self.shutdown)
	}
}

// keep collects the events about UDP: neighbour discovery is traffic, too.
func (n *testNode) keep(l plog.Logs) {
	records := l.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := range records.Len() {
		if transport, _ := records.At(i).Attributes().Get("network.transport"); transport.Str() == "udp" {
			n.logs = append(n.logs, n.name+": "+records.At(i).Body().Str())
		}
	}
}

// view is what one node's informers know: which objects are local differs.
type view struct {
	objects map[flow.Addr]*flow.Endpoint
	node    *flow.Endpoint
}

func (v view) Lookup(a flow.Addr, _ flow.Nanos) (*flow.Endpoint, bool) {
	e := v.objects[a]
	return e, e != nil && e.Kind == flow.Pod && e.PodName == ""
}

func (v view) Node() *flow.Endpoint { return v.node }

func (v view) UnnamedPod() *flow.Endpoint {
	return &flow.Endpoint{Kind: flow.Pod, Local: true, NodeName: v.node.NodeName}
}

func (c *testCluster) seenFrom(node string) view {
	v := view{objects: map[flow.Addr]*flow.Endpoint{}}
	for addr, e := range c.objects {
		copied := *e
		copied.Local = e.NodeName == node && node != ""
		v.objects[flow.AddrFrom(addr)] = &copied
		if copied.Local && copied.Kind == flow.Node {
			v.node = &copied
		}
	}
	return v
}

// edge is a series of the whole cluster, as a user reads it.
type edge struct {
	from, to, service string
	port              uint16
	translated        bool
}

func (e edge) String() string {
	return fmt.Sprintf("%s -> %s service=%q port=%d translated=%v", e.from, e.to, e.service, e.port, e.translated)
}

// totals ends both agents and adds up what they counted of UDP.
func (c *testCluster) totals(t *testing.T) map[edge]flow.Count {
	t.Helper()
	sums := map[edge]flow.Count{}
	for _, n := range c.nodes {
		require.NoError(t, n.data.close())
		n.data.aggregator.Collect(n.data.now, func(p aggregate.Point) {
			k := &p.Series.Key
			if k.Proto != flow.UDP || p.Value == 0 {
				return
			}
			e := edge{describe(k.Src), describe(k.Dst), k.Dst.Service, k.ServerPort, k.Translated}
			sum := sums[e]
			switch p.Metric {
			case aggregate.IO:
				sum.Bytes += p.Value
			case aggregate.Packets:
				sum.Packets += p.Value
			}
			sums[e] = sum
		})
	}
	return sums
}

func describe(i *aggregate.Identity) string {
	if i.OwnerName == "" {
		return i.Kind.String()
	}
	return i.OwnerName
}

// exchange sends n datagrams of 100 bytes from one namespace to an address, and
// each is answered by one of 300 bytes from the server, which listens in another.
func exchange(t *testing.T, client, server *nettest.Namespace, listen, call string, n int) {
	t.Helper()
	var listener net.PacketConn
	server.Do(t, func() {
		var err error
		listener, err = net.ListenPacket("udp", listen)
		require.NoError(t, err)
	})
	defer listener.Close()
	go answer(listener)
	client.Do(t, func() {
		conn, err := net.Dial("udp", call)
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		reply := make([]byte, 1000)
		for range n {
			_, err := conn.Write(make([]byte, 100))
			if !assert.NoError(t, err) {
				return
			}
			got, err := conn.Read(reply)
			if !assert.NoError(t, err) || !assert.Equal(t, 300, got) {
				return
			}
		}
	})
}

func answer(listener net.PacketConn) {
	request := make([]byte, 1000)
	for {
		_, from, err := listener.ReadFrom(request)
		if err != nil {
			return
		}
		_, _ = listener.WriteTo(make([]byte, 300), from)
	}
}
