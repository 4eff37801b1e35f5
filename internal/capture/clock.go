//go:build linux

package capture

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// clock is the programs' monotonic clock, moved once to the Unix epoch: time
// that is set back or forward later does not reach the data path.
type clock struct{ offset int64 }

func newClock() (clock, error) {
	now, err := monotonic()
	return clock{time.Now().UnixNano() - now}, err
}

func monotonic() (int64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read the monotonic clock: %w", err)
	}
	return now.Nano(), nil
}

// at converts a program's time; 0 stays 0.
func (c clock) at(ns uint64) flow.Nanos {
	if ns == 0 {
		return 0
	}
	return flow.Nanos(int64(ns) + c.offset)
}

// now reads the clock, which newClock has shown to work.
func (c clock) now() flow.Nanos {
	ns, _ := monotonic()
	return flow.Nanos(ns + c.offset)
}
