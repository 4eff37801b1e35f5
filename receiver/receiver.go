//go:build linux

package receiver

import (
	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/endpoint"
	"github.com/ebpfnet/ebpfnetreceiver/internal/filter"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/reporter"
	"github.com/ebpfnet/ebpfnetreceiver/internal/track"
)

// conn is a connection with what this package keeps about it.
type conn = track.Conn[progress]

// progress is how far a connection is on its way through the stages.
type progress struct {
	verdicts [2]reporter.Verdict
	rows     [2]aggregate.Rows  // by direction, where its source's side counts
	received *[2]aggregate.Rows // the same for its destination's side, in mode both
	held     *held              // what waits until the ends are known
	behind   [2]bool            // that end was seen at a pod's veth of this node
	backend  bool               // so was the backend
	nat      *flow.Translation  // that the verdicts take into account
	claim    flow.Claim         // likewise
}

// data is the path from the kernel to the series and events of this node. All
// of it is for one goroutine.
type data struct {
	config     *Config
	capture    *capture.Capture
	table      *track.Table[progress]
	resolver   *endpoint.Resolver
	aggregator *aggregate.Aggregator
	filter     *filter.Filter
	events     *events
	telemetry  *telemetry
	logger     *zap.Logger

	waiting   map[*conn]flow.Nanos // for their ends to become known, until then
	questions int                  // that conntrack may still be asked in this drain
	now       flow.Nanos
	closing   bool
}

// drain takes what the kernel counted in the generation that ends now through
// the stages: conntrack, connections, ends, reporter, series; and lets
// connections that are over become events.
func (d *data) drain() error {
	d.begin()
	report, err := d.capture.Drain(d.record)
	d.finish(report)
	d.telemetry.drained(report)
	return err
}

func (d *data) begin() {
	d.now = d.capture.Now()
	d.questions = questionsPerDrain
}

func (d *data) finish(report capture.Report) {
	d.retryWaiting()
	d.table.Settle()
	d.table.Expire(d.now, d.active)
	d.events.flush(d.now)
}

// record takes one connection's counts of one generation through the stages.
func (d *data) record(r *flow.Record) {
	c, swapped := d.table.Update(r, d.now)
	if c == nil {
		d.countUntracked(r)
		return
	}
	d.telemetry.records.followed++
	d.look(c, r, swapped)
	var counts [2]reporter.Counts
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		counts[track.Of(dir, swapped)] = reporter.CountsOf(&r.Dir[dir])
	}
	if !c.Resolved() {
		d.hold(c, &counts)
		return
	}
	d.count(c, &counts)
}

// close takes the last packets through the stages and ends everything.
func (d *data) close() error {
	d.closing = true
	d.begin()
	err := d.capture.Close(d.record, func(report capture.Report) { d.telemetry.drained(report) })
	d.now = d.capture.Now()
	d.giveUpWaiting()
	d.table.SettleAll()
	d.table.Close()
	d.events.flush(d.now)
	return err
}
