package feed

import (
	"math/rand/v2"
	"time"
)

// clock is the time and what waits for it.
type clock interface {
	Now() time.Time
	// After fires once, unless it is stopped before.
	After(d time.Duration) (fired <-chan time.Time, stop func())
	// Random is at least 0 and less than 1.
	Random() float64
}

type systemClock struct{}

func (systemClock) Now() time.Time  { return time.Now() }
func (systemClock) Random() float64 { return rand.Float64() }

func (systemClock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
