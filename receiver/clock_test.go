//go:build linux

package receiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestSkewChangesWithTheTimeOfDayOnly(t *testing.T) {
	w := &wallClock{}
	for _, test := range []struct {
		name           string
		measured, want time.Duration
	}{
		{"first", 5 * time.Second, 5 * time.Second},
		{"error of reading", 5*time.Second + 3*time.Millisecond, 5 * time.Second},
		{"error of reading, back", 5*time.Second - 3*time.Millisecond, 5 * time.Second},
		{"set forward", 65 * time.Second, 65 * time.Second},
		{"set back", -time.Hour, -time.Hour},
		{"none at all", 0, 0},
		{"error of reading none", time.Millisecond, 0},
	} {
		w.settle(test.measured)
		require.Equal(t, test.want, w.skew, test.name)
	}
}

// A reading that took long says nothing, unless there is no other.
func TestSlowReadingsAreLeftOut(t *testing.T) {
	var now flow.Nanos
	var took flow.Nanos
	w := newWallClock(func() flow.Nanos { now += took; return now })
	first := w.skew
	require.InDelta(t, time.Now().UnixNano(), int64(first), float64(time.Minute))
	took = second
	w.look()
	require.Equal(t, first, w.skew)
	took = 0
	w.look()
	require.NotEqual(t, first, w.skew)
}
