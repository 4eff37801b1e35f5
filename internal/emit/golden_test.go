package emit

import (
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/plogtest"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/pmetrictest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// To make the golden files again: golden.WriteMetrics(t, path, got,
// golden.SkipMetricTimestampNormalization()) or golden.WriteLogs, once; look at the difference.

func TestMetricsAreGolden(t *testing.T) {
	messages := threeCollections()
	for name, got := range map[string]pmetric.Metrics{"metrics-begin": messages[0], "metrics-end": messages[2]} {
		t.Run(name, func(t *testing.T) {
			want, err := golden.ReadMetrics("../../testdata/golden/" + name + ".yaml")
			require.NoError(t, err)
			require.NoError(t, pmetrictest.CompareMetrics(want, got,
				pmetrictest.IgnoreMetricsOrder(), pmetrictest.IgnoreMetricDataPointsOrder()))
		})
	}
}

func TestEventsAreGolden(t *testing.T) {
	want, err := golden.ReadLogs("../../testdata/golden/logs.yaml")
	require.NoError(t, err)
	require.NoError(t, plogtest.CompareLogs(want, events()))
}
