//go:build linux

package receiver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Messages that wait for a slow consumer. A message of metrics stands for all
// before it: the sums are cumulative.
const (
	metricsQueue = 2
	logsQueue    = 64
)

// How often, and how long apart, a message is offered again.
const (
	attempts     = 5
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// grace is how long a consumer may take to notice that its context is over.
const grace = time.Second

// Why items did not reach the consumer.
const (
	dropQueueFull = "queue_full"
	dropPermanent = "permanent_error"
	dropRefused   = "refused"
	dropShutdown  = "shutdown"
)

// sender hands messages to the next consumer from a goroutine of its own, so that
// a slow or failing one never holds up the drain.
type sender[T any] struct {
	consume func(context.Context, T) error
	items   func(T) int
	dropped func(items int, reason string)
	oldest  bool // a newer message stands for all before it: when the queue is full, the oldest goes; else the newest

	queue  chan T
	until  context.Context // set at shutdown: whoever sends waits for room that long
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newSender[T any](size int, consume func(context.Context, T) error, items func(T) int,
	dropped func(int, string)) *sender[T] {
	ctx, cancel := context.WithCancel(context.Background())
	return &sender[T]{
		consume: consume, items: items, dropped: dropped,
		queue: make(chan T, size), ctx: ctx, cancel: cancel,
	}
}

func newMetricsSender(next consumer.Metrics, t *telemetry) *sender[pmetric.Metrics] {
	consume := func(ctx context.Context, m pmetric.Metrics) error {
		n := m.DataPointCount()
		ctx = t.observer.StartMetricsOp(ctx)
		err := next.ConsumeMetrics(ctx, m)
		t.observer.EndMetricsOp(ctx, format, n, err)
		return err
	}
	s := newSender(metricsQueue, consume, pmetric.Metrics.DataPointCount,
		func(items int, reason string) { t.dropped("metrics", items, reason) })
	s.oldest = true
	return s
}

func newLogsSender(next consumer.Logs, t *telemetry) *sender[plog.Logs] {
	consume := func(ctx context.Context, l plog.Logs) error {
		n := l.LogRecordCount()
		ctx = t.observer.StartLogsOp(ctx)
		err := next.ConsumeLogs(ctx, l)
		t.observer.EndLogsOp(ctx, format, n, err)
		return err
	}
	return newSender(logsQueue, consume, plog.Logs.LogRecordCount,
		func(items int, reason string) { t.dropped("logs", items, reason) })
}

func (s *sender[T]) start() {
	s.done.Go(func() {
		for message := range s.queue {
			s.deliver(message)
		}
	})
}

// send never blocks before the shutdown. Only one goroutine sends.
func (s *sender[T]) send(message T) {
	for {
		select {
		case s.queue <- message:
			return
		default:
		}
		if s.until != nil {
			s.sendWaiting(message)
			return
		}
		if !s.oldest {
			s.dropped(s.items(message), dropQueueFull)
			return
		}
		select {
		case old := <-s.queue:
			s.dropped(s.items(old), dropQueueFull)
		default:
		}
	}
}

func (s *sender[T]) sendWaiting(message T) {
	select {
	case s.queue <- message:
	case <-s.until.Done():
		s.dropped(s.items(message), dropShutdown)
	}
}

// deliver offers a message until it is taken, refused for good, refused too often, or
// superseded.
func (s *sender[T]) deliver(message T) {
	n := s.items(message) // the consumer may take the message apart
	backoff := firstBackoff
	for attempt := 1; s.ctx.Err() == nil; attempt++ {
		err := s.consume(s.ctx, message)
		switch {
		case err == nil:
			return
		case s.ctx.Err() != nil:
			continue
		case consumererror.IsPermanent(err):
			s.dropped(n, dropPermanent)
			return
		case attempt == attempts, s.oldest && len(s.queue) > 0:
			s.dropped(n, dropRefused)
			return
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(backoff + rand.N(backoff)):
		}
		backoff = min(2*backoff, lastBackoff)
	}
	s.dropped(n, dropShutdown)
}

// finish lets send wait for room from now on, as long as the context lives.
func (s *sender[T]) finish(ctx context.Context) {
	if s != nil {
		s.until = ctx
	}
}

// stop waits until all is delivered, or the context ends. Nothing may be sent any
// more. A consumer that does not care for its context is left behind.
func (s *sender[T]) stop(ctx context.Context) error {
	if s == nil {
		return nil
	}
	close(s.queue)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		s.done.Wait()
	}()
	defer s.cancel()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
	}
	s.cancel()
	for message := range s.queue {
		s.dropped(s.items(message), dropShutdown)
	}
	select {
	case <-finished:
	case <-time.After(grace):
	}
	return fmt.Errorf("not all data was delivered at shutdown: %w", ctx.Err())
}
