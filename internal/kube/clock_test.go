package kube

import (
	"context"
	"testing"
	"time"
)

func TestTheEndOfTheContextCutsAWaitShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := cancelledBy(ctx)
	<-c.After(time.Nanosecond)
	long := c.After(time.Hour)
	cancel()
	<-long
}
