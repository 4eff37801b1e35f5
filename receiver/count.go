//go:build linux

package receiver

import (
	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/reporter"
)

type series = aggregate.Series

// count adds what was seen of a connection to its series and to its next event.
func (d *data) count(c *conn, counts *[2]reporter.Counts) {
	p := &c.User
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		seen := reporter.Seen(&counts[dir], c.Src(dir), c.Dst(dir))
		c.Unlogged[dir].Add(seen)
		v := p.verdicts[dir]
		io := aggregate.NoDirection
		if d.config.Reporter == reporter.Both {
			io = aggregate.Transmit
		}
		d.add(&c.Connection, dir, &p.rows[dir], counts[dir][v.Send], v, io)
		if n := counts[dir][v.Receive]; n.Packets > 0 {
			if p.received == nil {
				p.received = &[2]aggregate.Rows{}
			}
			d.add(&c.Connection, dir, &p.received[dir], n, v, aggregate.Receive)
		}
	}
}

// add adds a count to the series of a direction.
func (d *data) add(c *flow.Connection, dir flow.Direction, rows *aggregate.Rows, n flow.Count, v reporter.Verdict,
	io aggregate.IODirection) {
	if n.Packets == 0 {
		return
	}
	d.find(c, dir, rows, v.Translated, io)
	d.aggregator.Add(rows, &aggregate.Values{aggregate.IO: n.Bytes, aggregate.Packets: n.Packets}, d.now)
}

func (d *data) find(c *flow.Connection, dir flow.Direction, rows *aggregate.Rows, translated bool, io aggregate.IODirection) {
	if d.aggregator.Valid(rows) {
		return
	}
	a := attributesOf(c, dir)
	a.Translated = translated
	a.IODirection = io
	*rows = d.aggregator.Find(&a)
}

// attributesOf says all that is known of a direction.
func attributesOf(c *flow.Connection, dir flow.Direction) aggregate.Attributes {
	t := c.Key.Tuple(dir)
	a := aggregate.Attributes{
		Src: c.Src(dir), Dst: c.Dst(dir),
		SrcAddr: t.Src, DstAddr: t.Dst, SrcPort: t.SrcPort, DstPort: t.DstPort,
		ServerPort: c.ServerPort(dir),
		Proto:      t.Proto,
		DSCP:       c.DSCP[dir],
		Initiator:  initiatorOf(c.Initiator, dir),
	}
	if s := c.Service(dir); s != nil {
		a.DstService = s.Service
	}
	if i := c.Interface[dir]; i != nil {
		a.Interface = i.Name
	}
	return a
}

func initiatorOf(i flow.Initiator, dir flow.Direction) aggregate.Initiator {
	switch {
	case i == flow.UnknownInitiator:
		return aggregate.InitiatorUnknown
	case i.Direction() == dir:
		return aggregate.InitiatorSource
	default:
		return aggregate.InitiatorDestination
	}
}

// lost adds packets that left one pod of this node and did not reach the other.
func (d *data) lost(c *conn, dir flow.Direction, packets uint64) {
	if d.config.Capture.Sampling > 1 || !c.Resolved() {
		return
	}
	io := aggregate.NoDirection
	if d.config.Reporter == reporter.Both {
		io = aggregate.Transmit
	}
	d.find(&c.Connection, dir, &c.User.rows[dir], c.User.verdicts[dir].Translated, io)
	d.aggregator.Add(&c.User.rows[dir], &aggregate.Values{aggregate.Undelivered: packets}, d.now)
}

// countUntracked counts a record that found no place in the table of
// connections: it is in the series, and in no event.
func (d *data) countUntracked(r *flow.Record) {
	d.telemetry.records.aggregated++
	c, swapped := d.table.Spare(r, d.now)
	d.see(c, r, swapped)
	d.resolve(c, true)
	counts := countsOf(r, swapped)
	d.count(c, &counts)
}
