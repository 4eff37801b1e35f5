package emit

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.yaml.in/yaml/v3"
)

// documented is what metadata.yaml says of what we emit.
type documented struct {
	Attributes map[string]struct {
		Type string
		Enum []string
	}
	Metrics map[string]struct {
		Description, Unit string
		Sum               struct {
			Monotonic   bool
			Temporality string `yaml:"aggregation_temporality"`
		}
		Attributes []string
	}
	Events map[string]struct{ Attributes []string }
}

func readMetadata(t *testing.T) (d documented) {
	t.Helper()
	data, err := os.ReadFile("../../metadata.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(data, &d))
	return d
}

func TestMetricsAreThoseOfTheMetadata(t *testing.T) {
	d := readMetadata(t)
	seen := map[string]map[string]bool{}
	for _, message := range threeCollections() {
		metrics := message.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		for i := range metrics.Len() {
			m := metrics.At(i)
			want, known := d.Metrics[m.Name()]
			require.True(t, known, m.Name())
			require.Equal(t, want.Description, m.Description())
			require.Equal(t, want.Unit, m.Unit())
			require.Equal(t, want.Sum.Monotonic, m.Sum().IsMonotonic())
			require.Equal(t, "cumulative", want.Sum.Temporality)
			require.Equal(t, pmetric.AggregationTemporalityCumulative, m.Sum().AggregationTemporality())
			if seen[m.Name()] == nil {
				seen[m.Name()] = map[string]bool{}
			}
			for j := range m.Sum().DataPoints().Len() {
				d.require(t, m.Sum().DataPoints().At(j).Attributes(), seen[m.Name()])
			}
		}
	}
	require.Len(t, seen, len(d.Metrics))
	require.ElementsMatch(t, d.Metrics["network.flow.io"].Attributes, names(seen["network.flow.io"]), "with all attributes selected")
}

func TestEventsAreThoseOfTheMetadata(t *testing.T) {
	d := readMetadata(t)
	seen := map[string]bool{}
	records := events().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := range records.Len() {
		require.Equal(t, FlowEvent, records.At(i).EventName())
		d.require(t, records.At(i).Attributes(), seen)
	}
	require.ElementsMatch(t, d.Events[FlowEvent].Attributes, names(seen))
}

// require checks that attributes are documented, with their types and values.
func (d *documented) require(t *testing.T, attributes pcommon.Map, seen map[string]bool) {
	t.Helper()
	for name, value := range attributes.All() {
		if name == "otel.metric.overflow" || strings.Contains(name, ".k8s.pod.label.") {
			continue // the convention's, and the user's
		}
		seen[name] = true
		a, known := d.Attributes[name]
		require.True(t, known, name)
		types := map[string]pcommon.ValueType{"string": pcommon.ValueTypeStr, "int": pcommon.ValueTypeInt, "bool": pcommon.ValueTypeBool}
		require.Equal(t, types[a.Type], value.Type(), name)
		if len(a.Enum) > 0 {
			require.Contains(t, a.Enum, value.Str(), name)
		}
	}
}

func names(seen map[string]bool) (all []string) {
	for name := range seen {
		all = append(all, name)
	}
	return all
}
