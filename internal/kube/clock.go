package kube

import (
	"context"
	"time"

	"k8s.io/utils/clock"
)

// impatient is the real clock, but for a wait that the context's end cuts
// short: a reflector backs off from a refused connection for up to a minute
// without looking at its context, and Shutdown waits for the reflector.
type impatient struct {
	clock.RealClock
	ctx context.Context
}

func cancelledBy(ctx context.Context) clock.Clock { return impatient{ctx: ctx} }

func (c impatient) After(d time.Duration) <-chan time.Time {
	fired := make(chan time.Time, 1)
	fire := func() {
		select {
		case fired <- time.Now():
		default:
		}
	}
	stop := context.AfterFunc(c.ctx, fire)
	time.AfterFunc(d, func() { stop(); fire() })
	return fired
}
