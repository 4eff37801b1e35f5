package feed

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaissmai/bart"
	"go.opentelemetry.io/collector/component"
)

// Options are what the user of this package knows and wants to know. Each function
// may be nil; none may block, and none is called after Shutdown. Several goroutines
// call Cluster and Status.
type Options struct {
	// Cluster tells whether an address is of the cluster: pods, Services, nodes. It is
	// asked of addresses that a feed names, for as long as the lists hold.
	Cluster func(netip.Addr) bool
	// Status is told once when a list cannot be read or is not taken, and nil when all
	// is well with it again.
	Status func(list string, err error)
	// Changed is told of a new snapshot, after it holds.
	Changed func(*Snapshot)
}

// Feeds keeps all lists up to date and knows what they say. Its methods are safe
// for concurrent use; Start and Shutdown are called once each.
type Feeds struct {
	config    Config
	telemetry component.TelemetrySettings
	options   Options
	clock     clock
	notPublic *bart.Lite
	budget    *budget
	workers   []*worker // feeds, then allow lists, in the order of the configuration
	snapshot  atomic.Pointer[Snapshot]

	untried atomic.Int64  // workers that made no attempt yet
	dirty   chan struct{} // an attempt was made
	loaded  chan struct{}

	// of the goroutine that merges
	merged   []*set // of the snapshot
	mergedAt time.Time

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New makes Feeds that know nothing yet; the configuration was validated.
func New(config Config, telemetry component.TelemetrySettings, options Options) *Feeds {
	return newFeeds(config, telemetry, options, systemClock{})
}

func newFeeds(config Config, telemetry component.TelemetrySettings, options Options, clock clock) *Feeds {
	if options.Cluster == nil {
		options.Cluster = func(netip.Addr) bool { return false }
	}
	if options.Status == nil {
		options.Status = func(string, error) {}
	}
	if options.Changed == nil {
		options.Changed = func(*Snapshot) {}
	}
	if !config.Enabled {
		config.Feeds, config.Allow = nil, nil
	}
	f := &Feeds{
		config: config, telemetry: telemetry, options: options, clock: clock,
		notPublic: notPublic(), cancel: func() {},
		budget: newBudget(len(config.Feeds)+len(config.Allow), config.MaxEntries),
		dirty:  make(chan struct{}, 1), loaded: make(chan struct{}),
	}
	f.snapshot.Store(newSnapshot(nil, 0, 0, f.notPublic, options.Cluster))
	return f
}

// Start begins to read the lists, and returns at once. It fails if the client of a
// list cannot be made: a certificate or an extension is missing.
func (f *Feeds) Start(ctx context.Context, host component.Host) error {
	var errs []error
	for i := range len(f.config.Feeds) + len(f.config.Allow) {
		errs = append(errs, f.addWorker(ctx, i, host))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(f.workers) == 0 {
		close(f.loaded)
		return nil
	}
	f.untried.Store(int64(len(f.workers)))
	running, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	for _, w := range f.workers {
		f.wg.Go(func() { w.run(running) })
	}
	f.wg.Go(func() { f.merge(running) })
	return nil
}

func (f *Feeds) addWorker(ctx context.Context, number int, host component.Host) error {
	allow := number >= len(f.config.Feeds)
	c := slices.Concat(f.config.Feeds, f.config.Allow)[number]
	var from origin = file{c.File, c.MaxSize, f.clock.Now}
	s := schedule{interval: c.interval()}
	if c.URL != "" {
		s.jitter = jitter
		r, err := newRemote(ctx, c, host, f.telemetry, f.clock.Now)
		if err != nil {
			return fmt.Errorf("threat_intel: %s: %w", c.Name, err)
		}
		from = r
	}
	w := &worker{
		reading: reading{
			source: c.source(allow), format: c.Format, maxSize: c.MaxSize, maxAge: c.MaxAge,
			notPublic: f.notPublic, seed: maphash.MakeSeed(),
			grant: func() int { return f.budget.grant(number) },
		},
		origin: from, clock: f.clock, logger: f.telemetry.Logger, minRatio: c.MinRatio, schedule: s,
		settle: func(entries int) { f.budget.settle(number, entries) },
		status: f.options.Status,
	}
	w.stats.Source = w.source
	w.changed = sync.OnceFunc(func() { f.untried.Add(-1) })
	once := w.changed
	w.changed = func() { once(); f.wake() }
	f.workers = append(f.workers, w)
	return nil
}

func (f *Feeds) wake() {
	select {
	case f.dirty <- struct{}{}:
	default:
	}
}

// merge makes a new snapshot when a list has a new version or an entry ends.
func (f *Feeds) merge(ctx context.Context) {
	for {
		ended, stop := f.untilEnd()
		select {
		case <-ctx.Done():
			stop()
			return
		case <-f.dirty:
			f.renew(false)
		case <-ended:
			f.renew(true)
		}
		stop()
	}
}

// endsAtOnce is the time within which entries end together: a bundle may hold a
// million of them, each with an end of its own.
const endsAtOnce = time.Minute

// untilEnd fires when the first entry of the snapshot ends.
func (f *Feeds) untilEnd() (<-chan time.Time, func()) {
	ends := f.snapshot.Load().ends
	if ends == 0 {
		return nil, func() {}
	}
	now := f.clock.Now()
	return f.clock.After(max(time.Unix(ends, 0).Sub(now), f.mergedAt.Add(endsAtOnce).Sub(now)))
}

// renew replaces the snapshot if a set is another, or if it must be anyway.
func (f *Feeds) renew(anyway bool) {
	tried := f.untried.Load() == 0 // before the sets are taken
	var sets []*set
	for _, w := range f.workers {
		if s := w.current(); s != nil {
			sets = append(sets, s)
		}
	}
	if anyway || !slices.Equal(sets, f.merged) {
		now := f.clock.Now()
		next := newSnapshot(sets, now.Unix(), f.Snapshot().generation+1, f.notPublic, f.options.Cluster)
		f.snapshot.Store(next)
		f.merged, f.mergedAt = sets, now
		f.options.Changed(next)
	}
	if tried {
		select {
		case <-f.loaded:
		default:
			close(f.loaded)
		}
	}
}

// Shutdown ends all work; the snapshot stays.
func (f *Feeds) Shutdown() {
	f.cancel()
	f.wg.Wait()
}

// Snapshot is what the lists say now; it is never nil. Take one for each batch of
// questions, not one for each question, and let it go.
func (f *Feeds) Snapshot() *Snapshot { return f.snapshot.Load() }

// Loaded is closed when each list was tried once and what was found is in the
// snapshot.
func (f *Feeds) Loaded() <-chan struct{} { return f.loaded }

// Stats is how each list does: feeds, then allow lists, as configured.
func (f *Feeds) Stats() []Stats {
	all := make([]Stats, 0, len(f.workers))
	for _, w := range f.workers {
		all = append(all, w.state())
	}
	return all
}
