//go:build linux

package receiver

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/internal/emit"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/reporter"
	"github.com/ebpfnet/ebpfnetreceiver/internal/track"
)

// eventsInMessage is how many events are sent together at most.
const eventsInMessage = 1000

// events collects log records and sends them a message at a time.
type events struct {
	enabled bool
	scope   func() emit.Scope
	send    func(plog.Logs)
	current *emit.Logs
}

func (e *events) flow(c *flow.Connection, ended bool, now flow.Nanos) {
	if e.current == nil {
		e.current = emit.NewLogs(e.scope())
	}
	e.current.Flow(c, ended, now)
	if e.current.Len() >= eventsInMessage {
		e.flush(now)
	}
}

func (e *events) flush(flow.Nanos) {
	if e.current == nil {
		return
	}
	e.send(e.current.Data())
	e.current = nil
}

// ended is told by the table that a connection is over, or is part of another.
func (d *data) ended(c, into *conn, swapped bool) {
	if _, waits := d.waiting[c]; waits || !c.Resolved() {
		d.resolve(c, true)
	}
	if into == nil {
		d.log(c, !d.closing)
		return
	}
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		into.Unlogged[track.Of(dir, swapped)].Add(c.Unlogged[dir])
	}
}

// active is told that an event about a connection that goes on is due.
func (d *data) active(c *conn) {
	if c.Resolved() {
		d.log(c, false)
	}
}

// log makes an event of what was not in one yet.
func (d *data) log(c *conn, ended bool) {
	nothing := c.Unlogged[0].Packets == 0 && c.Unlogged[1].Packets == 0
	if !d.events.enabled || nothing || !reporter.Logs(&c.Connection) {
		return
	}
	passes, err := d.filter.Passes(&c.Connection, ended)
	if err != nil {
		d.telemetry.failed("filter")
		d.logger.Debug("flow log let through", zap.Error(err))
		passes = true
	}
	if passes {
		d.events.flow(&c.Connection, ended, d.now)
	}
	c.Unlogged = [2]flow.Count{}
}
