//go:build linux

package receiver

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
)

var (
	errBusy = errors.New("busy, try again")
	errBad  = consumererror.NewPermanent(errors.New("unacceptable"))
)

// next is a consumer of messages that are numbers; each stands for so many items.
type next struct {
	answer   func(ctx context.Context, n int) error
	attempts []int
	times    []time.Duration
	taken    []int
	began    time.Time

	mu      sync.Mutex // who sends and who delivers both drop
	dropped map[string][]int
}

func newNext(answer func(ctx context.Context, n int) error) *next {
	return &next{answer: answer, dropped: map[string][]int{}, began: time.Now()}
}

func (x *next) consume(ctx context.Context, n int) error {
	x.attempts = append(x.attempts, n)
	x.times = append(x.times, time.Since(x.began))
	err := x.answer(ctx, n)
	if err == nil {
		x.taken = append(x.taken, n)
	}
	return err
}

func (x *next) drop(items int, reason string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dropped[reason] = append(x.dropped[reason], items)
}

func (x *next) sender(size int) *sender[int] {
	return newSender(size, x.consume, func(n int) int { return n }, x.drop)
}

// pass lets time pass, which costs none in these tests.
func pass(d time.Duration) { <-time.After(d) }

func accept(context.Context, int) error { return nil }

func TestDeliversInOrderAndAllBeforeItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newNext(func(context.Context, int) error { pass(time.Second); return nil })
		s := x.sender(10)
		s.start()
		for n := range 10 {
			s.send(n)
		}
		require.NoError(t, s.stop(t.Context()))
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, x.taken)
		require.Empty(t, x.dropped)
	})
}

// A slow consumer never holds up who sends. Of metrics the latest count, of logs the
// first ones that there was room for.
func TestSlowConsumer(t *testing.T) {
	for _, test := range []struct {
		name           string
		oldest         bool
		taken, dropped []int
	}{
		{"metrics", true, []int{1, 6, 7}, []int{2, 3, 4, 5}},
		{"logs", false, []int{1, 2, 3}, []int{4, 5, 6, 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newNext(func(context.Context, int) error { pass(time.Minute); return nil })
				s := x.sender(2)
				s.oldest = test.oldest
				s.start()
				for n := 1; n <= 7; n++ {
					s.send(n)
					synctest.Wait() // the first is with the consumer
				}
				require.Zero(t, time.Since(x.began), "nobody waited")
				require.NoError(t, s.stop(t.Context()))
				require.Equal(t, test.taken, x.taken)
				require.Equal(t, map[string][]int{dropQueueFull: test.dropped}, x.dropped)
			})
		})
	}
}

func TestFailingConsumer(t *testing.T) {
	for _, test := range []struct {
		name     string
		answers  []error // then it accepts
		oldest   bool
		attempts int
		dropped  map[string][]int
	}{
		{"permanently", []error{errBad}, false, 1, map[string][]int{dropPermanent: {7}}},
		{"once", []error{errBusy}, false, 2, map[string][]int{}},
		{"four times", []error{errBusy, errBusy, errBusy, errBusy}, false, 5, map[string][]int{}},
		{"too often", []error{errBusy, errBusy, errBusy, errBusy, errBusy}, false, 5, map[string][]int{dropRefused: {7}}},
		{"permanently after all", []error{errBusy, errBad}, false, 2, map[string][]int{dropPermanent: {7}}},
		{"metrics, once", []error{errBusy}, true, 2, map[string][]int{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers := test.answers
				x := newNext(func(context.Context, int) error {
					if len(answers) == 0 {
						return nil
					}
					err := answers[0]
					answers = answers[1:]
					return err
				})
				s := x.sender(2)
				s.oldest = test.oldest
				s.start()
				s.send(7)
				require.NoError(t, s.stop(t.Context()))
				require.Len(t, x.attempts, test.attempts)
				require.Equal(t, test.dropped, x.dropped)
				for i, pause := 1, firstBackoff; i < len(x.times); i, pause = i+1, 2*pause {
					waited := x.times[i] - x.times[i-1]
					require.GreaterOrEqual(t, waited, pause)
					require.Less(t, waited, 2*pause)
				}
			})
		})
	}
}

// Metrics that were refused are not offered again when newer ones wait.
func TestNewerMetricsSupersedeRefusedOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newNext(func(_ context.Context, n int) error {
			if n == 1 {
				return errBusy
			}
			return nil
		})
		s := x.sender(2)
		s.oldest = true
		s.start()
		s.send(1)
		synctest.Wait()
		s.send(2)
		require.NoError(t, s.stop(t.Context()))
		require.Equal(t, []int{1, 1, 2}, x.attempts)
		require.Equal(t, map[string][]int{dropRefused: {1}}, x.dropped)
	})
}

// A deadline ends the shutdown whatever the consumer does, and what it did not take is counted.
func TestStopsAtTheDeadline(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(ctx context.Context, n int) error
		took   time.Duration
	}{
		{"consumer heeds its context", func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }, time.Minute},
		{"consumer is busy", func(context.Context, int) error { return errBusy }, 3 * time.Second},
		{"consumer heeds nothing", func(context.Context, int) error { pass(time.Hour); return errBusy }, time.Minute + grace},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newNext(test.answer)
				s := x.sender(5)
				s.start()
				for n := range 3 {
					s.send(n + 1)
				}
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				err := s.stop(ctx)
				if test.took < time.Minute {
					require.NoError(t, err)
					require.Equal(t, []int{1, 2, 3}, x.dropped[dropRefused])
					return
				}
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, "not all data was delivered at shutdown")
				require.Equal(t, test.took, time.Since(began))
				s.done.Wait()
				slices.Sort(x.dropped[dropShutdown])
				require.Equal(t, map[string][]int{dropShutdown: {1, 2, 3}}, x.dropped)
				require.Equal(t, []int{1}, x.attempts, "nothing is offered any more")
			})
		})
	}
}

// At shutdown who sends waits for room: what all connections leave is more than a queue holds.
func TestWaitsForRoomAtShutdown(t *testing.T) {
	for _, test := range []struct {
		name    string
		timeout time.Duration
		taken   int
	}{{"long enough", time.Hour, 100}, {"not for ever", 20 * time.Second, 20}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newNext(func(ctx context.Context, _ int) error {
					select {
					case <-time.After(time.Second):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				s := x.sender(2)
				s.start()
				ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
				defer cancel()
				s.finish(ctx)
				for range 100 {
					s.send(1)
				}
				err := s.stop(ctx)
				require.Equal(t, test.taken == 100, err == nil)
				require.InDelta(t, test.taken, len(x.taken), 1)
				require.Equal(t, 100-len(x.taken), len(x.dropped[dropShutdown]))
			})
		})
	}
}

// Whatever a consumer does, what was sent was taken or is counted as dropped.
func TestNothingVanishes(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random, consuming := rand.New(rand.NewPCG(seed, 3)), rand.New(rand.NewPCG(seed, 4))
			x := newNext(func(context.Context, int) error {
				pass(time.Duration(consuming.IntN(300)) * time.Millisecond)
				return []error{nil, nil, errBusy, errBad}[consuming.IntN(4)]
			})
			s := x.sender(1 + random.IntN(5))
			s.oldest = random.IntN(2) == 0
			s.start()
			sent := 0
			for n := 1; n <= 100; n++ {
				s.send(n)
				sent += n
				pass(time.Duration(random.IntN(150)) * time.Millisecond)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(3))*time.Second)
			defer cancel()
			_ = s.stop(ctx)
			s.done.Wait()
			accounted := 0
			for _, n := range x.taken {
				accounted += n
			}
			for _, dropped := range x.dropped {
				for _, n := range dropped {
					accounted += n
				}
			}
			require.Equal(t, sent, accounted)
		})
	}
}

func TestNoSenderNoWork(t *testing.T) {
	var s *sender[int]
	s.finish(t.Context())
	require.NoError(t, s.stop(t.Context()))
	never := newNext(accept).sender(1)
	require.NoError(t, never.stop(t.Context()), "one that was never started")
}
