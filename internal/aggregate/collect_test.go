package aggregate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const byOwner = SrcOwnerName | DstOwnerName

// A series begins with zero at the collection before it, so that whoever computes
// an increase sees its first bytes, and only grows from there.
func TestSeriesBeginsWithZero(t *testing.T) {
	a := New(all(100, byOwner), at(0))
	add(a, workload("a", "b"), at(3))
	require.Equal(t, []string{"0 from 0s to 0s", "100 from 0s to 10s"}, of(collect(a, at(10)), "bytes a>b"))
	add(a, workload("a", "b"), at(12))
	add(a, workload("c", "d"), at(13))
	points := collect(a, at(20))
	require.Equal(t, []string{"200 from 0s to 20s"}, of(points, "bytes a>b"))
	require.Equal(t, []string{"2 from 0s to 20s"}, of(points, "packets a>b"))
	require.Equal(t, []string{"0 from 10s to 10s", "100 from 10s to 20s"}, of(points, "bytes c>d"))
	require.Equal(t, []string{"200 from 0s to 30s"}, of(collect(a, at(30)), "bytes a>b"), "a quiet series stays")
}

func TestLossesShowOnceThereAreAny(t *testing.T) {
	a := New(all(100, byOwner), at(0))
	r := add(a, workload("a", "b"), at(3))
	require.Empty(t, of(collect(a, at(10)), "lost a>b"))
	a.Add(&r, &Values{Undelivered: 7}, at(12))
	require.Equal(t, []string{"0 from 10s to 10s", "7 from 10s to 20s"}, of(collect(a, at(20)), "lost a>b"))
	require.Equal(t, []string{"7 from 10s to 30s"}, of(collect(a, at(30)), "lost a>b"))
}

func TestIdleSeriesEndsAndComesBack(t *testing.T) {
	a := New(all(100, byOwner), at(0))
	rows := add(a, workload("a", "b"), at(5))
	collect(a, at(10))
	require.Len(t, of(collect(a, at(604)), "bytes a>b"), 1)
	requireCount(t, a, 3)
	require.Equal(t, []string{"ended from 0s to 10m5s"}, of(collect(a, at(605)), "bytes a>b"))
	requireCount(t, a, 0)
	require.False(t, a.Valid(&rows), "what was found before the end is not used again")
	require.Empty(t, collect(a, at(610)), "it ends once")

	rows = add(a, workload("a", "b"), at(612))
	require.True(t, a.Valid(&rows))
	require.Equal(t, []string{"0 from 10m10s to 10m10s", "100 from 10m10s to 10m20s"}, of(collect(a, at(620)), "bytes a>b"))
}

// The end and the new beginning are points with times of their own.
func TestSeriesThatComesBackAtOnceBeginsAfterItsEnd(t *testing.T) {
	a := New(all(100, byOwner), at(0))
	add(a, workload("a", "b"), at(5))
	collect(a, at(10))
	require.Equal(t, []string{"ended from 0s to 10m5s"}, of(collect(a, at(605)), "bytes a>b"))
	add(a, workload("a", "b"), at(606))
	require.Equal(t, []string{"0 from 10m5.001s to 10m5.001s", "100 from 10m5.001s to 10m15s"}, of(collect(a, at(615)), "bytes a>b"))
}

// With collections that are rarer than series live, no value is lost.
func TestSeriesDoesNotEndBeforeItWasCollected(t *testing.T) {
	a := New(all(100, byOwner), at(0))
	add(a, workload("a", "b"), at(60))
	require.Equal(t, []string{"0 from 0s to 0s", "100 from 0s to 20m0s"}, of(collect(a, at(1200)), "bytes a>b"))
	require.Equal(t, []string{"ended from 0s to 40m0s"}, of(collect(a, at(2400)), "bytes a>b"))
}

func TestCollectionsAtTheSameTime(t *testing.T) {
	a := New(all(100, byOwner), at(0))
	add(a, workload("a", "b"), at(0))
	require.Equal(t, []string{"0 from 0s to 0s", "100 from 0s to 0s"}, of(collect(a, at(0)), "bytes a>b"))
}

// Identities that no series uses are forgotten with the series.
func TestIdentitiesAreForgotten(t *testing.T) {
	a := New(all(1000, byOwner), at(0))
	for i := range 300 {
		add(a, workload("a", string(rune('A'+i))), at(1))
	}
	g := a.groups[0]
	require.Equal(t, 300, len(g.dst.interned))
	for s := 10; s <= 1200; s += 10 {
		add(a, workload("a", "A"), at(s))
		collect(a, at(s))
	}
	require.Equal(t, 1, len(g.dst.interned))
	require.Equal(t, 1, len(g.src.interned))
	require.Zero(t, len(g.dst.cache), "and so is what they were made from")
	r := add(a, workload("a", "A"), at(1201))
	require.Same(t, g.series[r[0].Key], r[0], "a series that lives is found by the same identity")
	requireCount(t, a, 3)
}

func TestCollectingCostsNoMemory(t *testing.T) {
	a := New(all(1000, byOwner), at(0))
	for i := range 300 {
		add(a, workload("a", string(rune('A'+i))), at(1))
	}
	collect(a, at(2))
	var sum uint64
	now := at(3)
	require.Zero(t, testing.AllocsPerRun(20, func() {
		now += second
		a.Collect(now, func(p Point) { sum += p.Value })
	}))
	require.NotZero(t, sum)
}
