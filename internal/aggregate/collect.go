package aggregate

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Point is one value of one series of a metric.
type Point struct {
	Metric    Metric
	Selection Selection
	Series    *Series
	Value     uint64
	Start     flow.Nanos // from when on Value counts
	Time      flow.Nanos
	Ended     bool // no value: the series was idle and is gone
}

// Collect hands over the state of all series. A series begins with a point of
// zero at the collection before, so that its first addition is an increase; it ends
// with a point without value. Points of a series come in the order of time.
func (a *Aggregator) Collect(now flow.Nanos, f func(Point)) {
	ended := false
	for _, g := range a.groups {
		for _, m := range g.metrics {
			for _, s := range g.series {
				a.emit(g, m, s, now, f)
			}
			if g.overflow != nil {
				a.emit(g, m, g.overflow, now, f)
			}
		}
		for k, s := range g.series {
			if a.idle(s, now) {
				s.dead, ended = true, true
				delete(g.series, k)
				a.count -= len(g.metrics)
			}
		}
	}
	a.begin = now
	if ended {
		a.begin += flow.Nanos(time.Millisecond) // what comes back begins after its end: points have times of their own
	}
	a.collected = now
	a.sweep(now)
}

// idle: nothing was added for a long time, and all that was is handed over.
func (a *Aggregator) idle(s *Series, now flow.Nanos) bool {
	return now-s.used >= flow.Nanos(idleSeries) && s.used <= a.collected && !s.overflow
}

func (a *Aggregator) emit(g *group, m Metric, s *Series, now flow.Nanos, f func(Point)) {
	if m == Undelivered && s.Values[m] == 0 {
		return // nothing was lost, or it cannot be seen
	}
	p := Point{Metric: m, Selection: g.Selection, Series: s, Start: s.starts[m]}
	if p.Start == 0 {
		p.Start = min(a.begin, now)
		s.starts[m] = p.Start
		p.Time = p.Start
		f(p)
	}
	p.Time, p.Value = now, s.Values[m]
	p.Ended = a.idle(s, now)
	f(p)
}

// sweep forgets what no series uses any more.
func (a *Aggregator) sweep(now flow.Nanos) {
	if now-a.swept < flow.Nanos(idleSeries) {
		return
	}
	a.swept = now
	for _, g := range a.groups {
		used := map[*Identity]struct{}{}
		for k := range g.series {
			used[k.Src] = struct{}{}
			used[k.Dst] = struct{}{}
		}
		g.src.keepOnly(used)
		g.dst.keepOnly(used)
	}
}
