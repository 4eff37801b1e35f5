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

// kernel is what the goroutine of the data asks of the capture.
type kernel interface {
	Now() flow.Nanos
	Drain(f func(*flow.Record)) (capture.Report, error)
	Close(f func(*flow.Record), done func(capture.Report)) error
	Translation(t flow.Tuple) (*flow.Translation, error)
}

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
	began    flow.Initiator     // likewise

	provisional bool // the cluster did not know all when the ends were resolved
	logged      bool // there was an event about it
}

// data is the path from the kernel to the series and events of this node. All
// of it is for one goroutine.
type data struct {
	config     *Config
	capture    kernel
	clock      *wallClock
	table      *track.Table[progress]
	resolver   *endpoint.Resolver
	aggregator *aggregate.Aggregator
	filter     *filter.Filter
	events     *events
	telemetry  *telemetry
	pods       *podWatch // nil without Kubernetes
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
	d.clock.look()
	d.questions = questionsPerDrain
}

func (d *data) finish(report capture.Report) {
	d.doubt(report)
	d.retryWaiting()
	d.table.Settle()
	d.table.Expire(d.now, d.active)
	d.events.flush()
}

// doubt tells the table where packets found no entry: what was delivered there may
// seem to be missing.
func (d *data) doubt(report capture.Report) {
	for i := range report.Hooks {
		if h := &report.Hooks[i]; h.Overflow.Packets > 0 && h.Interface.Role == flow.PodSide {
			d.table.Doubt(h.Interface, d.now)
		}
	}
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
	counts := countsOf(r, swapped)
	if !c.Resolved() {
		d.hold(c, &counts)
		return
	}
	d.count(c, &counts)
}

// countsOf are a record's counts by the connection's direction.
func countsOf(r *flow.Record, swapped bool) (counts [2]reporter.Counts) {
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		counts[track.Of(dir, swapped)] = reporter.CountsOf(&r.Dir[dir])
	}
	return counts
}

// close takes the last packets through the stages and ends everything.
func (d *data) close() error {
	d.closing = true
	d.begin()
	err := d.capture.Close(d.record, func(report capture.Report) {
		d.doubt(report)
		d.telemetry.drained(report)
	})
	d.now = d.capture.Now()
	d.giveUpWaiting()
	d.table.SettleAll()
	d.table.Close()
	d.events.flush()
	return err
}
