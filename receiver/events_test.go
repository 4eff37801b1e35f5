//go:build linux

package receiver

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// step is a second of a connection's life: a record, or none.
type step struct {
	second float64
	record *flow.Record
}

func TestEvents(t *testing.T) {
	a, b, up := veth("a"), veth("b"), uplink()
	udp := func(s float64) *flow.Record {
		return seen(flow.UDP, webAddr, farAddr, sec(s-0.5), way{from: a, bytes: 100}, way{to: a, delivered: 300})
	}
	closed := func(s float64) *flow.Record {
		return seen(flow.TCP, webAddr, dbAddr, sec(s-0.5), way{from: a, bytes: 100, to: b, delivered: 100, flags: flow.SYN | flow.FIN},
			way{from: b, bytes: 200, to: a, delivered: 200, flags: flow.ACK | flow.FIN})
	}
	for _, test := range []struct {
		name   string
		filter string
		steps  []step
		until  float64
		want   []string
	}{
		{"ends by a timeout", "", []step{{1, udp(1)}, {2, udp(2)}}, 34, []string{"ended web>far 200/600"}},
		{"ends by both FINs", "", []step{{1, closed(1)}}, 8, []string{"ended web>db 100/200"}},
		{"goes on", "", []step{{1, udp(1)}, {25, udp(25)}, {50, udp(50)}, {62, udp(62)}}, 80,
			[]string{"active web>far 300/900"}},
		{"goes on, and ends with what is new", "", []step{{1, udp(1)}, {25, udp(25)}, {50, udp(50)}, {65, udp(65)}}, 100,
			[]string{"active web>far 300/900", "ended web>far 100/300"}},
		{"its end is told, even if nothing is new", "", []step{{1, udp(1)}, {25, udp(25)}, {50, udp(50)}}, 100,
			[]string{"active web>far 300/900", "ended web>far 0/0"}},
		{"one filter for both", `state == "ended"`, []step{{1, udp(1)}, {25, udp(25)}, {50, udp(50)}, {65, udp(65)}}, 100,
			[]string{"ended web>far 100/300"}},
		{"filtered out", `destination.workload != "far"`, []step{{1, udp(1)}}, 40, nil},
		{"a filter that fails lets through", `in_cidr(source.cidr, "198.18.0.0/15")`, []step{{1, udp(1)}}, 40, []string{"ended web>far 100/300"}},
		{"the initiator's node tells", "", []step{{1, seen(flow.UDP, farAddr, webAddr, sec(0.5), way{to: a, delivered: 100}, way{from: a, bytes: 300})}}, 40, nil},
		{"from outside the responder's node tells", "",
			[]step{{1, seen(flow.UDP, outsideAddr, webAddr, sec(0.5), way{to: a, delivered: 100}, way{from: a, bytes: 300})}}, 40, []string{"ended >web 100/300"}},
		{"of the node itself", "",
			[]step{{1, seen(flow.UDP, "198.18.0.1:9", outsideAddr, sec(0.5), way{from: up, bytes: 100}, way{to: up, delivered: 300})}}, 40, []string{"ended n1> 100/300"}},
		{"the tuple is used again", "", []step{{1, closed(1)}, {2, closed(2)}}, 10, []string{"ended web>db 100/200", "ended web>db 100/200"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.FlowLogs.Filter = test.filter })
			steps := test.steps
			for s := 1.0; s <= test.until; s++ {
				if len(steps) > 0 && steps[0].second == s {
					r.generation(sec(s), steps[0].record)
					steps = steps[1:]
					continue
				}
				r.generation(sec(s))
			}
			require.Equal(t, test.want, r.logs)
		})
	}
}

func TestOpenConnectionsAtShutdownAreActive(t *testing.T) {
	r := newRig(t, nil)
	r.generation(sec(1), seen(flow.TCP, webAddr, farAddr, sec(0.5), way{from: veth("a"), bytes: 100, flags: flow.ACK}, way{}))
	r.kernel.records = []*flow.Record{seen(flow.UDP, webAddr, dbAddr, sec(1.5), way{from: veth("a"), bytes: 100}, way{})}
	require.NoError(t, r.data.close())
	require.Equal(t, []string{"active web>db 100/0", "active web>far 100/0"}, sorted(r.logs))
	require.Zero(t, r.table.Len())
}

func TestNoEventsWhenTheyAreOff(t *testing.T) {
	r := newRig(t, nil)
	r.events.enabled = false
	r.generation(sec(1), seen(flow.UDP, webAddr, farAddr, sec(0.5), way{from: veth("a"), bytes: 100}, way{}))
	require.NoError(t, r.data.close())
	require.Empty(t, r.logs)
}

// Events go in messages of a thousand, and none waits for the next drain.
func TestMessages(t *testing.T) {
	r := newRig(t, nil)
	messages := 0
	send := r.events.send
	r.events.send = func(l plog.Logs) { messages++; send(l) }
	var records []*flow.Record
	for i := range 2*eventsInMessage + 1 {
		s := seen(flow.UDP, webAddr, farAddr, sec(0.5), way{from: veth("a"), bytes: 100}, way{})
		s.Key.PortA = uint16(i + 1)
		records = append(records, s)
	}
	r.generation(sec(1), records...)
	for s := 2.0; s < 33; s++ {
		r.generation(sec(s))
	}
	require.Equal(t, 3, messages)
	require.Len(t, r.logs, len(records))
}

func TestFilterErrorsAreCounted(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FlowLogs.Filter = `in_cidr(source.cidr, "198.18.0.0/15")` })
	r.generation(sec(1), seen(flow.UDP, webAddr, farAddr, sec(0.5), way{from: veth("a"), bytes: 100}, way{}))
	require.NoError(t, r.data.close())
	require.EqualValues(t, 1, r.counter("errors", "operation", "filter"))
}
