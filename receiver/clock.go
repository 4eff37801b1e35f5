//go:build linux

package receiver

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	// closeEnough is how long two readings of clocks may take to be of the same time.
	closeEnough = time.Millisecond
	// aStep is what tells a step of the wall clock from the error of reading two clocks.
	aStep = 50 * time.Millisecond
)

// wallClock knows what added to the data path's clock gives the time of day. That
// changes when somebody sets the time, and at no other time: what was emitted once as the start
// of a series is emitted again, and must not move by the error of a reading.
type wallClock struct {
	now   func() flow.Nanos // the data path's clock
	skew  time.Duration
	known bool
}

func newWallClock(now func() flow.Nanos) *wallClock {
	w := &wallClock{now: now}
	w.look()
	return w
}

// look reads both clocks. If something came between, the next time will do.
func (w *wallClock) look() {
	before := w.now()
	wall := time.Now().UnixNano()
	after := w.now()
	if w.known && time.Duration(after-before) > closeEnough {
		return
	}
	w.settle(time.Duration(wall - int64(before)))
}

func (w *wallClock) settle(measured time.Duration) {
	if step := measured - w.skew; !w.known || step > aStep || step < -aStep {
		w.skew, w.known = measured, true
	}
}
