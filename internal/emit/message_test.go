package emit

import (
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	second = flow.Nanos(time.Second)
	epoch  = 1_800_000_000 * second
)

func at(seconds flow.Nanos) flow.Nanos { return epoch + seconds*second }

func scope() Scope {
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("host.name", "host-1")
	resource.Attributes().PutStr("k8s.node.name", "node-1")
	return Scope{Resource: resource, Version: "v1.2.3", Skew: time.Minute}
}

func web() *flow.Endpoint {
	return &flow.Endpoint{
		Kind: flow.Pod, Local: true, Namespace: "shop", OwnerName: "web", OwnerType: "Deployment", PodName: "web-1", PodUID: "uid-1",
		NodeName: "node-1", Zone: "zone-a", Labels: []flow.Label{{Key: "team", Value: "red"}},
	}
}

func database() *flow.Endpoint {
	return &flow.Endpoint{
		Kind: flow.Pod, Namespace: "data", OwnerName: "db", OwnerType: "StatefulSet", PodName: "db-0", PodUID: "uid-2",
		NodeName: "node-2", Zone: "zone-b",
	}
}

func databaseService() *flow.Endpoint {
	return &flow.Endpoint{Kind: flow.Service, Namespace: "data", OwnerName: "db", OwnerType: "Service", Service: "db"}
}

func thisNode() *flow.Endpoint {
	return &flow.Endpoint{Kind: flow.Node, Local: true, OwnerName: "node-1", OwnerType: "Node", NodeName: "node-1", Zone: "zone-a"}
}

func office() *flow.Endpoint { return &flow.Endpoint{CIDR: "office"} }

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// request and answer are both directions of a call of the web to the database, with all that can be said.
func request() *aggregate.Attributes {
	return &aggregate.Attributes{
		Src: web(), Dst: database(), DstService: "db", SrcAddr: addr("198.18.1.2"), DstAddr: addr("198.19.0.10"),
		SrcPort: 40000, DstPort: 5432, ServerPort: 5432, Proto: flow.TCP, DSCP: 46, Initiator: aggregate.InitiatorSource,
		IODirection: aggregate.Transmit, Interface: "veth1",
	}
}

func answer() *aggregate.Attributes {
	return &aggregate.Attributes{
		Src: database(), SrcService: "db", Dst: web(), SrcAddr: addr("fd00:2::3"), DstAddr: addr("fd00:1::2"),
		SrcPort: 5433, DstPort: 40000, ServerPort: 5433, Proto: 99, Initiator: aggregate.InitiatorDestination,
		IODirection: aggregate.Receive, Interface: "eth0",
	}
}

func toOutside() *aggregate.Attributes {
	return &aggregate.Attributes{Src: thisNode(), Dst: office(), SrcAddr: addr("198.18.0.1"), DstAddr: addr("198.51.100.1"), Proto: flow.UDP, Translated: true}
}

func fromOutside() *aggregate.Attributes {
	return &aggregate.Attributes{Src: office(), Dst: web(), SrcAddr: addr("198.51.100.1"), DstAddr: addr("198.18.1.2"), Proto: flow.ICMP}
}

// everything is the selection of all attributes.
const everything = aggregate.FlowInitiator<<1 - 1

// byWorkload is about what is selected by default.
const byWorkload = aggregate.SrcNamespace | aggregate.SrcOwnerName | aggregate.DstNamespace | aggregate.DstOwnerName | aggregate.Transport |
	aggregate.ServerPort | aggregate.InterZone | aggregate.IsTranslated

// threeCollections emits series that begin, grow, overflow and end.
func threeCollections() []pmetric.Metrics {
	config := aggregate.Config{MaxSeries: 11}
	for m, selection := range []aggregate.Selection{everything, byWorkload, byWorkload} {
		config.Metrics[m] = aggregate.MetricConfig{Enabled: true, Attributes: selection}
	}
	a := aggregate.New(config, at(0))
	for i, attributes := range []*aggregate.Attributes{request(), answer(), toOutside(), fromOutside()} {
		rows := a.Find(attributes)
		n := uint64(i + 1)
		a.Add(&rows, &aggregate.Values{aggregate.IO: 1000 * n, aggregate.Packets: 10 * n, aggregate.Undelivered: n - 1}, at(5))
	}
	var messages []pmetric.Metrics
	for _, now := range []flow.Nanos{10, 20, 620} {
		m := NewMetrics(scope())
		a.Collect(at(now), m.Add)
		messages = append(messages, m.Data())
	}
	return messages
}

// connections are of all kinds, each at the end of its life, in the order of the golden file.
func connections() []*flow.Connection {
	const ack = flow.ACK
	service := flow.Tuple{Src: addr("198.18.1.2"), Dst: addr("198.19.0.10"), SrcPort: 40000, DstPort: 5432, Proto: flow.TCP}
	reply := flow.Tuple{Src: addr("198.18.2.3"), Dst: addr("198.18.1.2"), SrcPort: 5433, DstPort: 40000, Proto: flow.TCP}
	called := made(service, web(), databaseService())
	called.Backend, called.NAT = database(), &flow.Translation{Original: service, Reply: reply}
	called.Flags = [2]uint8{flow.SYN | ack | flow.PSH | flow.FIN, flow.SYN | ack | flow.FIN}
	called.Interface[0] = &flow.Interface{Name: "veth1"}
	called.Undelivered[0] = 2

	old := made(flow.Tuple{Src: addr("198.18.1.2"), Dst: addr("198.18.2.3"), SrcPort: 40001, DstPort: 5433, Proto: flow.TCP}, web(), database())
	old.Initiator, old.Flags = flow.UnknownInitiator, [2]uint8{ack, flow.RST}

	six := made(flow.Tuple{Src: addr("fd00:1::2"), Dst: addr("2001:db8::1"), SrcPort: 40002, DstPort: 53, Proto: flow.UDP}, web(), office())
	ping := made(flow.Tuple{Src: addr("198.51.100.1"), Dst: addr("198.18.1.2"), Proto: flow.ICMP}, office(), web())
	hidden := made(flow.Tuple{Src: addr("198.18.0.1"), Dst: addr("198.51.100.2"), SrcPort: 40003, DstPort: 443, Proto: flow.TCP}, thisNode(), &flow.Endpoint{})
	hidden.Claim = flow.Forwarded
	return []*flow.Connection{called, old, six, ping, hidden}
}

func made(t flow.Tuple, src, dst *flow.Endpoint) *flow.Connection {
	c := &flow.Connection{Start: at(1), Last: at(9)}
	var d flow.Direction
	c.Key, d = t.Key()
	c.Initiator = flow.Initiator(d) + flow.InitiatorA
	c.Ends[d], c.Ends[d.Reverse()] = src, dst
	c.Unlogged[d], c.Unlogged[d.Reverse()] = flow.Count{Packets: 10, Bytes: 1000}, flow.Count{Packets: 20, Bytes: 20000}
	return c
}

func events() plog.Logs {
	l := NewLogs(scope())
	for i, c := range connections() {
		l.Flow(c, i != 1, at(10))
	}
	return l.Data()
}
