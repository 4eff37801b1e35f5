package feed

import (
	"errors"
	"time"
)

const (
	firstRetry    = 5 * time.Second
	longestRetry  = 24 * time.Hour // that a server can ask for
	jitter        = 0.1            // of the interval, to both sides
	shrunkenUntil = 24 * time.Hour // a shrunken list that stays so is believed
)

// schedule says when to look at a list again.
type schedule struct {
	interval time.Duration
	jitter   float64 // 0 for files
	failures int     // in a row
}

// next is how long to wait after an attempt; random is from 0 to 1.
func (s *schedule) next(err error, random float64) time.Duration {
	wait := s.interval
	if err == nil {
		s.failures = 0
	} else {
		wait = min(wait, firstRetry<<min(s.failures, 20))
		s.failures++
	}
	wait += time.Duration(float64(wait) * s.jitter * (2*random - 1))
	if b, is := errors.AsType[busy](err); is {
		wait = max(wait, min(b.wait, longestRetry))
	}
	return wait
}
