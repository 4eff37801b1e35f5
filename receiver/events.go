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
		e.flush()
	}
}

func (e *events) flush() {
	if e.current == nil {
		return
	}
	e.send(e.current.Data())
	e.current = nil
}

// ended is told by the table that a connection is over, or is part of another.
func (d *data) ended(c, into *conn, swapped bool) {
	if into != nil {
		d.absorb(c, into, swapped)
		return
	}
	if _, waits := d.waiting[c]; waits || !c.Resolved() {
		d.resolve(c, true)
	}
	d.log(c, !d.closing)
}

// absorb gives what was seen of a part, and is in no series and no event yet, to the connection.
func (d *data) absorb(part, into *conn, swapped bool) {
	var counts [2]reporter.Counts
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		to := track.Of(dir, swapped)
		if seen := part.Unlogged[dir]; seen.Packets > into.Unlogged[to].Packets {
			into.Unlogged[to] = seen // of the same packets, at another hook
		}
		if into.Interface[to] == nil {
			into.Interface[to] = part.Interface[dir]
		}
		if part.User.held != nil {
			counts[to] = part.User.held[dir]
		}
	}
	into.User.logged = into.User.logged || part.User.logged
	delete(d.waiting, part)
	switch {
	case part.User.held == nil:
	case into.Resolved():
		d.count(into, &counts)
	default:
		d.hold(into, &counts)
	}
}

// active is told that an event about a connection that goes on is due.
func (d *data) active(c *conn) {
	if c.User.provisional && c.Resolved() {
		d.resolve(c, true) // the cluster may know more by now
	}
	if c.Resolved() {
		d.log(c, false)
	}
}

// log makes an event of what was not in one yet. That a connection ended is told
// even if nothing was seen since the last one.
func (d *data) log(c *conn, ended bool) {
	nothing := c.Unlogged[0].Packets == 0 && c.Unlogged[1].Packets == 0
	if !d.events.enabled || nothing && !(ended && c.User.logged) || !reporter.Logs(&c.Connection) {
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
		c.User.logged = true
	}
	c.Unlogged = [2]flow.Count{}
}
