package emit

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
)

// FlowEvent is the name of the event about a connection.
const FlowEvent = "ebpfnet.flow"

// Logs collects events into one message.
type Logs struct {
	scope   Scope
	data    plog.Logs
	records plog.LogRecordSlice
	names   ends
}

// NewLogs starts a message.
func NewLogs(scope Scope) *Logs {
	l := &Logs{scope: scope, data: plog.NewLogs(), names: newEnds()}
	rl := l.data.ResourceLogs().AppendEmpty()
	scope.Resource.CopyTo(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(metadata.ScopeName)
	sl.Scope().SetVersion(scope.Version)
	l.records = sl.LogRecords()
	return l
}

// Len is the number of events in the message.
func (l *Logs) Len() int { return l.records.Len() }

// Data is the message.
func (l *Logs) Data() plog.Logs { return l.data }

// Flow adds the event about a connection that ended, or goes on. Source is who
// began it, or A of its key if that is unknown.
func (l *Logs) Flow(c *flow.Connection, ended bool, now flow.Nanos) {
	forward := c.Initiator.Direction()
	tuple := c.Key.Tuple(forward)
	r := l.records.AppendEmpty()
	r.SetEventName(FlowEvent)
	r.SetTimestamp(l.scope.time(c.Last))
	r.SetObservedTimestamp(l.scope.time(now))
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.SetSeverityText("INFO")
	state := "active"
	if ended {
		state = "ended"
	}
	r.Body().SetStr(summary(c, tuple, state))

	to := r.Attributes()
	to.EnsureCapacity(32)
	to.PutStr("ebpfnet.flow.state", state)
	to.PutStr("ebpfnet.flow.initiator", initiatorName(c.Initiator))
	to.PutInt("ebpfnet.flow.start", int64(l.scope.time(c.Start)))
	to.PutStr("network.transport", flow.ProtocolName(tuple.Proto))
	to.PutStr("network.type", networkType(!tuple.Src.Is4()))
	putPort(to, "server.port", c.ServerPort(forward))
	l.putEnds(to, c, tuple)
	l.putCounts(to, c, forward)
}

func initiatorName(i flow.Initiator) string {
	if i == flow.UnknownInitiator {
		return "unknown"
	}
	return "source"
}

func (l *Logs) putEnds(to pcommon.Map, c *flow.Connection, tuple flow.Tuple) {
	forward := c.Initiator.Direction()
	to.PutStr("source.address", tuple.Src.Netip().String())
	to.PutStr("destination.address", tuple.Dst.Netip().String())
	putPort(to, "source.port", tuple.SrcPort)
	putPort(to, "destination.port", tuple.DstPort)
	putEndpoint(to, &l.names.src, c.Src(forward))
	putEndpoint(to, &l.names.dst, c.Dst(forward))
	if s := c.Service(forward); s != nil {
		putString(to, l.names.dst.service, s.Service)
	}
	if i := c.Interface[forward]; i != nil {
		to.PutStr("network.interface.name", i.Name)
	}
	if src := c.Src(forward); c.Nameless() && src.Kind == flow.Node && src.Local {
		to.PutBool("ebpfnet.translated", true)
	}
}

func (l *Logs) putCounts(to pcommon.Map, c *flow.Connection, forward flow.Direction) {
	sent, answered := c.Unlogged[forward], c.Unlogged[forward.Reverse()]
	to.PutInt("ebpfnet.flow.source.bytes", int64(sent.Bytes))
	to.PutInt("ebpfnet.flow.source.packets", int64(sent.Packets))
	to.PutInt("ebpfnet.flow.destination.bytes", int64(answered.Bytes))
	to.PutInt("ebpfnet.flow.destination.packets", int64(answered.Packets))
	if c.Key.Proto == flow.TCP {
		to.PutStr("ebpfnet.flow.source.tcp.flags", flagNames(c.Flags[forward]))
		to.PutStr("ebpfnet.flow.destination.tcp.flags", flagNames(c.Flags[forward.Reverse()]))
	}
	if lost := c.Undelivered[0] + c.Undelivered[1]; lost > 0 {
		to.PutInt("ebpfnet.flow.undelivered", int64(lost))
	}
}

func putPort(to pcommon.Map, name string, port uint16) {
	if port != 0 {
		to.PutInt(name, int64(port))
	}
}

// flagNames spells TCP flags in the order of their bits, as in "FIN,SYN,ACK".
func flagNames(flags uint8) string {
	var names []string
	for i, name := range []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"} {
		if flags&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// summary is the event for a person.
func summary(c *flow.Connection, t flow.Tuple, state string) string {
	forward := c.Initiator.Direction()
	arrow := "->"
	if c.Initiator == flow.UnknownInitiator {
		arrow = "<->"
	}
	sent, answered := c.Unlogged[forward], c.Unlogged[forward.Reverse()]
	return fmt.Sprintf("%s %s %s %s %s: %d bytes in %d packets, back %d bytes in %d packets",
		flow.ProtocolName(t.Proto), end(c.Src(forward), t.Src, t.SrcPort), arrow, end(c.Dst(forward), t.Dst, t.DstPort),
		state, sent.Bytes, sent.Packets, answered.Bytes, answered.Packets)
}

// end names an end as short as it is clear: namespace/pod (address:port).
func end(e *flow.Endpoint, a flow.Addr, port uint16) string {
	address := a.Netip().String()
	if port != 0 {
		address = fmt.Sprintf("%s:%d", bracket(a, address), port)
	}
	name := e.OwnerName
	if e.PodName != "" {
		name = e.PodName
	}
	switch {
	case name == "" && e.CIDR != "":
		return e.CIDR + " (" + address + ")"
	case name == "":
		return address
	case e.Namespace != "":
		return e.Namespace + "/" + name + " (" + address + ")"
	default:
		return name + " (" + address + ")"
	}
}

func bracket(a flow.Addr, s string) string {
	if a.Is4() {
		return s
	}
	return "[" + s + "]"
}
