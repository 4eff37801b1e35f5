package feed

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// stopwatch is a clock that a test moves.
type stopwatch struct {
	asked chan time.Duration // what After was asked for, in turn

	mu     sync.Mutex
	now    time.Time
	alarms []alarm
}

type alarm struct {
	at time.Time
	to chan time.Time
}

func newStopwatch() *stopwatch { return &stopwatch{now: noon, asked: make(chan time.Duration, 1000)} }

func (s *stopwatch) Random() float64 { return 0.5 }

func (s *stopwatch) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stopwatch) After(d time.Duration) (<-chan time.Time, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := alarm{s.now.Add(d), make(chan time.Time, 1)}
	s.alarms = append(s.alarms, a)
	s.asked <- d
	return a.to, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range s.alarms {
			if s.alarms[i].to == a.to {
				s.alarms = append(s.alarms[:i], s.alarms[i+1:]...)
				return
			}
		}
	}
}

func (s *stopwatch) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
	var left []alarm
	for _, a := range s.alarms {
		if a.at.After(s.now) {
			left = append(left, a)
		} else {
			a.to <- s.now
		}
	}
	s.alarms = left
}

// awaits returns when somebody waits for that long.
func (s *stopwatch) awaits(d time.Duration) {
	for asked := range s.asked {
		if asked == d {
			return
		}
	}
}

// rig is Feeds without goroutines: a test makes the attempts itself.
type rig struct {
	*Feeds
	t     *testing.T
	clock *stopwatch
	logs  *observer.ObservedLogs
	told  []string // of Status; "" when all is well again
	waits []time.Duration
}

func newRig(t *testing.T, lists ...SourceConfig) *rig {
	t.Helper()
	r := &rig{t: t, clock: newStopwatch()}
	config := NewDefaultConfig()
	config.Feeds = lists
	r.Feeds = newFeeds(config, r.telemetry(), Options{Status: func(_ string, err error) {
		text := ""
		if err != nil {
			text = err.Error()
		}
		r.told = append(r.told, text)
	}}, r.clock)
	for i := range lists {
		require.NoError(t, r.addWorker(t.Context(), i, componenttest.NewNopHost()))
	}
	return r
}

func (r *rig) telemetry() component.TelemetrySettings {
	set := componenttest.NewNopTelemetrySettings()
	var core zapcore.Core
	core, r.logs = observer.New(zap.InfoLevel)
	set.Logger = zap.New(core)
	return set
}

// attempt lets the first list look for a new version.
func (r *rig) attempt() Stats {
	r.t.Helper()
	r.waits = append(r.waits, r.workers[0].attempt(context.Background()))
	r.renew(false)
	return r.Stats()[0]
}

func (r *rig) wait() time.Duration { return r.waits[len(r.waits)-1] }

func listAt(place string) SourceConfig {
	c := NewDefaultSourceConfig()
	c.Name = "test"
	if filepath.IsAbs(place) {
		c.File = place
	} else {
		c.URL = place
	}
	return c
}

// writeFile writes a file that was changed then.
func writeFile(t *testing.T, path, content string, changed time.Time) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	require.NoError(t, os.Chtimes(path, changed, changed))
}
