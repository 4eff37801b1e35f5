package aggregate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMetricsWithTheSameAttributesShareTheirSeries(t *testing.T) {
	for _, test := range []struct {
		name       string
		selections []Selection
		groups     int
	}{
		{"all the same", []Selection{byOwner}, 1},
		{"one differs", []Selection{byOwner, byOwner | Transport, byOwner}, 2},
		{"all differ", []Selection{byOwner, Transport, SrcZone}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := New(all(100, test.selections...), at(0))
			require.Len(t, a.groups, test.groups)
			add(a, workload("a", "b"), at(1))
			requireCount(t, a, 3)
			var bytes, packets uint64
			a.Collect(at(2), func(p Point) {
				switch p.Metric {
				case IO:
					bytes += p.Value
				case Packets:
					packets += p.Value
				}
			})
			require.EqualValues(t, 100, bytes)
			require.EqualValues(t, 1, packets)
		})
	}
}

func TestMetricsThatAreOffCostNothing(t *testing.T) {
	c := all(100, byOwner)
	c.Metrics[Packets].Enabled = false
	a := New(c, at(0))
	add(a, workload("a", "b"), at(1))
	requireCount(t, a, 2)
	require.Empty(t, of(collect(a, at(2)), "packets a>b"))

	none := New(Config{MaxSeries: 100}, at(0))
	r := none.Find(workload("a", "b"))
	require.True(t, none.Valid(&r))
	none.Add(&r, &Values{IO: 1}, at(1))
	require.Empty(t, collect(none, at(2)))
	require.Zero(t, none.Len())
}

// The bound is for the series of all metrics together; what is beyond goes to one
// series for each selection.
func TestOverflow(t *testing.T) {
	a := New(all(7, byOwner), at(0)) // room for two of three metrics each
	for _, dst := range []string{"b", "c", "d", "e"} {
		add(a, workload("a", dst), at(1))
	}
	requireCount(t, a, 6)
	require.EqualValues(t, 2, a.Overflows())
	points := collect(a, at(10))
	require.Equal(t, []string{"0 from 0s to 0s", "200 from 0s to 10s"}, of(points, "bytes overflow"))
	require.Len(t, of(points, "bytes a>b"), 2)
	require.Empty(t, of(points, "bytes a>d"))

	add(a, workload("a", "b"), at(11))
	require.EqualValues(t, 2, a.Overflows(), "what has a series keeps it")
}

func TestWhatOverflowedGetsASeriesWhenThereIsRoom(t *testing.T) {
	a := New(all(3, byOwner), at(0))
	add(a, workload("a", "b"), at(1))
	rows := add(a, workload("a", "c"), at(1))
	require.True(t, a.Valid(&rows), "as long as there is no room it is not looked for")
	collect(a, at(10))
	for s := 20; s < 620; s += 10 {
		a.Add(&rows, &Values{IO: 1}, at(s))
		collect(a, at(s))
	}
	requireCount(t, a, 0)
	require.False(t, a.Valid(&rows))
	add(a, workload("a", "c"), at(625))
	points := collect(a, at(630))
	require.Len(t, of(points, "bytes a>c"), 2)
	require.Equal(t, []string{"160 from 0s to 10m30s"}, of(points, "bytes overflow"), "the overflow never ends and never shrinks")
}

// What is outside of the sum is left out where no attribute could tell it apart.
func TestTranslatedIsOutsideOfTheSum(t *testing.T) {
	a := New(all(100, byOwner, byOwner|IsTranslated), at(0))
	translated := workload("node", "b")
	translated.Translated = true
	r := add(a, translated, at(1))
	require.True(t, a.Valid(&r))
	points := collect(a, at(10))
	require.Empty(t, of(points, "bytes node>b"))
	require.Equal(t, []string{"0 from 0s to 0s", "1 from 0s to 10s"}, of(points, "packets node>b"))
	require.Zero(t, a.Overflows())
}

func TestAddingCostsNoMemory(t *testing.T) {
	a := New(all(100, byOwner, Transport, SrcAddress), at(0))
	attributes := everything()
	r := a.Find(attributes)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if !a.Valid(&r) {
			r = a.Find(attributes)
		}
		a.Add(&r, &Values{IO: 100, Packets: 1}, at(1))
	}))
	require.Zero(t, testing.AllocsPerRun(100, func() { r = a.Find(attributes) }), "finding what is there")
}
