package aggregate

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// idleSeries is how long a series may get nothing before it ends.
const idleSeries = 10 * time.Minute

// Config says which metrics there are, with which attributes, and how many series at most.
type Config struct {
	MaxSeries int
	Metrics   [numberOfMetrics]MetricConfig
}

// MetricConfig selects a metric and its attributes.
type MetricConfig struct {
	Enabled    bool
	Attributes Selection
}

// group are the metrics that have the same attributes: they share their series.
type group struct {
	Selection Selection
	metrics   []Metric
	src, dst  *identities
	series    map[Key]*Series
	overflow  *Series
	outside   Series // takes what is no part of the sum where the selection cannot show that
}

// MaxGroups is how many different selections there can be.
const MaxGroups = int(numberOfMetrics)

// Rows are a direction's series, one for each group: its place to add to,
// found once for a connection.
type Rows [MaxGroups]*Series

// Aggregator is for one goroutine.
type Aggregator struct {
	config    Config
	groups    []*group
	count     int // series of all metrics together
	overflows uint64
	collected flow.Nanos // last collection, or the start
	begin     flow.Nanos // of series that are new since then
	swept     flow.Nanos
}

// New makes an aggregator without series.
func New(config Config, now flow.Nanos) *Aggregator {
	a := &Aggregator{config: config, collected: now, begin: now, swept: now}
	bySelection := map[Selection]*group{}
	for m, c := range config.Metrics {
		if !c.Enabled {
			continue
		}
		g := bySelection[c.Attributes]
		if g == nil {
			src, dst := sides(c.Attributes)
			g = &group{
				Selection: c.Attributes,
				src:       newIdentities(src),
				dst:       newIdentities(dst),
				series:    map[Key]*Series{},
			}
			bySelection[c.Attributes] = g
			a.groups = append(a.groups, g)
		}
		g.metrics = append(g.metrics, Metric(m))
	}
	return a
}

// Len is the number of series of all metrics together.
func (a *Aggregator) Len() int { return a.count }

// Overflows is how often something was added to an overflow series, ever.
func (a *Aggregator) Overflows() uint64 { return a.overflows }

// Valid tells whether rows that were found before can still be added to. Those of the
// overflow are to be found again as soon as there is room.
func (a *Aggregator) Valid(r *Rows) bool {
	for i, g := range a.groups {
		s := r[i]
		if s == nil || s.dead || s.overflow && a.hasRoom(g) {
			return false
		}
	}
	return true
}

// Find returns the series for the attributes, new ones if there is room.
func (a *Aggregator) Find(attributes *Attributes) (r Rows) {
	for i, g := range a.groups {
		if attributes.Translated && !g.Selection.Has(IsTranslated) {
			r[i] = &g.outside
			continue
		}
		r[i] = a.find(g, g.keyOf(attributes))
	}
	return r
}

func (a *Aggregator) find(g *group, k Key) *Series {
	if s, known := g.series[k]; known {
		return s
	}
	if !a.hasRoom(g) {
		return g.overflowing()
	}
	s := &Series{Key: k}
	g.series[k] = s
	a.count += len(g.metrics)
	return s
}

// hasRoom tells whether one more series of each of the group's metrics is within the bound.
func (a *Aggregator) hasRoom(g *group) bool { return a.count+len(g.metrics) <= a.config.MaxSeries }

// overflowing is the series beyond the bound: one for each selection.
func (g *group) overflowing() *Series {
	if g.overflow == nil {
		g.overflow = &Series{Key: Key{Overflow: true}, overflow: true}
	}
	return g.overflow
}

// Add adds to the series of all groups.
func (a *Aggregator) Add(r *Rows, v *Values, now flow.Nanos) {
	for i := range a.groups {
		s := r[i]
		for m := range v {
			s.Values[m] += v[m]
		}
		s.used = now
		if s.overflow {
			a.overflows++
		}
	}
}
