//go:build linux

package receiver

import (
	"context"
	"errors"
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
	oldest  bool // when the queue is full, the oldest goes; else the newest

	queue  chan T
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

// send never blocks. Only one goroutine sends.
func (s *sender[T]) send(message T) {
	for {
		select {
		case s.queue <- message:
			return
		default:
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

// deliver offers a message until it is taken, refused for good, or refused too often.
func (s *sender[T]) deliver(message T) {
	n := s.items(message) // the consumer may take the message apart
	backoff := firstBackoff
	for attempt := 1; ; attempt++ {
		err := s.consume(s.ctx, message)
		switch {
		case err == nil:
			return
		case s.ctx.Err() != nil:
			s.dropped(n, dropShutdown)
			return
		case consumererror.IsPermanent(err):
			s.dropped(n, dropPermanent)
			return
		case s.oldest, attempt == attempts:
			s.dropped(n, dropRefused)
			return
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(backoff + rand.N(backoff)):
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// stop waits until all is delivered, or the context ends. Nothing may be sent any more.
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
		s.cancel()
		<-finished
		return errors.Join(errors.New("not all data was delivered at shutdown"), ctx.Err())
	}
}
