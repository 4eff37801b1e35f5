package emit

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
)

// Scope names who emits.
type Scope struct {
	Resource pcommon.Resource
	Version  string
	// Skew is what added to the data path's clock gives the time of day.
	Skew time.Duration
}

func (s Scope) time(n flow.Nanos) pcommon.Timestamp {
	return pcommon.Timestamp(int64(n) + int64(s.Skew))
}

// description of a metric, as metadata.yaml has it; a test compares them.
type description struct{ name, unit, text string }

func describe(m aggregate.Metric) description {
	switch m {
	case aggregate.IO:
		return description{"network.flow.io", "By", "Bytes from source to destination."}
	case aggregate.Packets:
		return description{"ebpfnet.flow.packets", "{packet}", "Packets from source to destination."}
	default:
		return description{"ebpfnet.flow.undelivered", "{packet}",
			"Packets that left the source's pod and were not handed to the destination's pod on the same node."}
	}
}

// Metrics collects points of series into one message.
type Metrics struct {
	scope  Scope
	data   pmetric.Metrics
	into   pmetric.MetricSlice
	points map[aggregate.Metric]pmetric.NumberDataPointSlice
	names  ends
}

// NewMetrics starts a message.
func NewMetrics(scope Scope) *Metrics {
	m := &Metrics{
		scope:  scope,
		data:   pmetric.NewMetrics(),
		points: map[aggregate.Metric]pmetric.NumberDataPointSlice{},
		names:  newEnds(),
	}
	rm := m.data.ResourceMetrics().AppendEmpty()
	scope.Resource.CopyTo(rm.Resource())
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(metadata.ScopeName)
	sm.Scope().SetVersion(scope.Version)
	m.into = sm.Metrics()
	return m
}

// Add adds a point.
func (m *Metrics) Add(p aggregate.Point) {
	points, known := m.points[p.Metric]
	if !known {
		d := describe(p.Metric)
		metric := m.into.AppendEmpty()
		metric.SetName(d.name)
		metric.SetUnit(d.unit)
		metric.SetDescription(d.text)
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		points = sum.DataPoints()
		m.points[p.Metric] = points
	}
	dp := points.AppendEmpty()
	dp.SetStartTimestamp(m.scope.time(p.Start))
	dp.SetTimestamp(m.scope.time(p.Time))
	if p.Ended {
		dp.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	} else {
		dp.SetIntValue(int64(p.Value))
	}
	m.names.putSeries(dp.Attributes(), &p.Series.Key, p.Selection)
}

// Data is the message.
func (m *Metrics) Data() pmetric.Metrics { return m.data }
