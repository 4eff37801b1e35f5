package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

var errShrunken = errors.New("has shrunk to less than min_ratio")

// cause is the stage at which an attempt failed; a trouble is told once for each.
type cause uint8

const (
	none cause = iota
	unreachable
	unusable
	shrunken
)

// worker keeps one list up to date.
type worker struct {
	reading
	origin   origin
	clock    clock
	logger   *zap.Logger
	minRatio float64
	settle   func(entries int) // ends what reading.grant began
	changed  func()            // told after each attempt
	status   func(list string, err error)

	// of the worker's goroutine
	schedule schedule
	version  version
	told     cause
	shrunk   time.Time // since when the list is shrunken, zero if it is not

	mu    sync.Mutex // of what others read
	kept  *set       // nil as long as there is none
	stats Stats
}

// run looks at the list at once and then as the schedule says, until the context ends.
func (w *worker) run(ctx context.Context) {
	for {
		wait := w.attempt(ctx)
		again, stop := w.clock.After(wait)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-again:
		}
	}
}

// attempt looks for a new version, takes it or keeps the old one, and returns how
// long to wait.
func (w *worker) attempt(ctx context.Context) time.Duration {
	now := w.clock.Now()
	s, v, why, err := w.read(ctx, now)
	if ctx.Err() != nil {
		w.settle(0)
		return 0
	}
	if err == nil {
		why, err = w.judge(s, now)
	}
	switch {
	case err == nil:
		w.take(s, v, now)
	case errors.Is(err, errUnchanged):
		if v != nil {
			w.version = v
		}
		w.shrunk = time.Time{}
		w.note(now, func(st *Stats) { st.Unchanged++ })
		why, err = none, nil
	default:
		w.fail(now, why, err)
	}
	w.settle(w.inUse())
	w.tell(why, err)
	w.changed()
	return w.schedule.next(err, w.clock.Random())
}

// read fetches and parses.
func (w *worker) read(ctx context.Context, now time.Time) (*set, version, cause, error) {
	content, v, err := w.origin.open(ctx, w.version)
	if err != nil {
		return nil, nil, unreachable, err
	}
	s, err := w.parse(content, now)
	if err := errors.Join(err, content.Close()); err != nil {
		return nil, nil, unusable, err
	}
	return s, v, none, nil
}

// judge tells whether a version may replace the one in use.
func (w *worker) judge(s *set, now time.Time) (cause, error) {
	old := w.kept
	if old == nil {
		return none, nil
	}
	if s.sum == old.sum && s.size == old.size {
		return none, errUnchanged
	}
	was, is := old.understood(), s.understood()
	if float64(is) >= w.minRatio*float64(was) {
		w.shrunk = time.Time{}
		return none, nil
	}
	if w.shrunk.IsZero() {
		w.shrunk = now
	}
	if now.Sub(w.shrunk) >= shrunkenUntil {
		w.shrunk = time.Time{}
		return none, nil
	}
	return shrunken, fmt.Errorf("%w: from %d entries to %d", errShrunken, was, is)
}

func (w *worker) take(s *set, v version, now time.Time) {
	w.log(s)
	w.version = v
	w.mu.Lock()
	w.kept = s
	w.stats.Format, w.stats.Entries, w.stats.Refused, w.stats.Bytes = s.format, s.count, s.refused, s.size
	w.mu.Unlock()
	w.note(now, func(st *Stats) { st.Loads++ })
}

func (w *worker) note(now time.Time, count func(*Stats)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.State, w.stats.Error = Current, nil
	w.stats.LastAttempt, w.stats.LastSuccess = now, now
	count(&w.stats)
}

func (w *worker) fail(now time.Time, why cause, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.State, w.stats.Error, w.stats.LastAttempt = Missing, err, now
	if w.kept != nil {
		w.stats.State = Kept
	}
	w.stats.Failures++
	if why != unreachable {
		w.stats.Rejected++
	}
}

// tell reports a trouble once, and its end.
func (w *worker) tell(why cause, err error) {
	if why == w.told {
		return
	}
	w.told = why
	if err != nil {
		err = fmt.Errorf("threat_intel: %s: %w", w.source.Name, err)
	}
	if err != nil && w.kept != nil {
		err = fmt.Errorf("%w; the last version is kept", err)
	}
	w.status(w.source.Name, err)
}

// log says what was taken: lines that make no sense when the last version had none.
func (w *worker) log(s *set) {
	fields := []zap.Field{
		zap.String("list", w.source.Name), zap.String("format", string(s.format)),
		zap.Int("entries", s.entries()), zap.Int("broken", s.refused.Broken()),
	}
	switch {
	case s.refused.Count[OverLimit] > 0:
		w.logger.Warn("threat_intel: max_entries is reached, the rest of the list is left off",
			append(fields, zap.Int("left_off", s.refused.Count[OverLimit]))...)
	case s.entries() == 0:
		w.logger.Warn("threat_intel: the list names nothing that is looked for", append(fields, zap.Any("left_off", s.refused.byReason()))...)
	case s.refused.Broken() > 0 && (w.kept == nil || w.kept.refused.Broken() == 0):
		w.logger.Warn("threat_intel: a part of the list is not understood",
			append(fields, zap.Stringers("first", s.refused.First))...)
	case w.kept == nil:
		w.logger.Info("threat_intel: a list is in use", fields...)
	default:
		w.logger.Debug("threat_intel: a new version of a list is in use", fields...)
	}
}

func (w *worker) inUse() int {
	if w.kept == nil {
		return 0
	}
	return w.kept.entries()
}

func (w *worker) current() *set {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kept
}

func (w *worker) state() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}
