package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAddressBelongsToWhoHeldItAtThatTime(t *testing.T) {
	// One address, held by a from 10 to 100 and by b from 130 to 150; then by
	// c from 300 on. All three are still remembered.
	held := []*pod{
		{from: second(10), to: second(100)},
		{from: second(130), to: second(150)},
		{from: second(300)},
	}
	for _, c := range []struct {
		name string
		at   int
		want *pod
	}{
		{"before the first known owner", 1, held[0]},
		{"at the first's beginning", 10, held[0]},
		{"while the first lives", 50, held[0]},
		{"after its end, before the next", 120, held[0]},
		{"from the next's beginning on", 130, held[1]},
		{"60 s after the end", 210, held[1]},
		{"long after the end, before the next", 250, held[2]},
		{"while the last lives", 10_000, held[2]},
	} {
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
			ten := newTenancy()
			a := addr(t, "198.18.128.7")
			for _, i := range order {
				ten.take(a, held[i])
			}
			require.Same(t, c.want, ten.at(a, second(c.at)), "%s, told in order %v", c.name, order)
		}
	}
}

func TestAnAddressIsNobodysAMinuteAfterItsLastHoldersEnd(t *testing.T) {
	ten, a := newTenancy(), addr(t, "198.18.128.7")
	ten.take(a, &pod{from: second(10), to: second(100)})
	require.NotNil(t, ten.at(a, second(160)))
	require.Nil(t, ten.at(a, second(161)))
}

func TestLeavingAnAddressForgetsOnlyTheOneWhoLeaves(t *testing.T) {
	ten, a := newTenancy(), addr(t, "198.18.128.7")
	first, middle, last := &pod{from: second(1)}, &pod{from: second(2)}, &pod{from: second(3)}
	for _, p := range []*pod{first, middle, last} {
		ten.take(a, p)
	}
	ten.leave(a, middle)
	require.Same(t, first, ten.at(a, second(2)))
	ten.leave(a, last)
	require.Same(t, first, ten.at(a, second(9)))
	ten.leave(a, last) // who is not there leaves nothing behind
	ten.leave(a, first)
	require.Nil(t, ten.at(a, second(9)))
	require.Empty(t, ten.newest)
	require.Empty(t, ten.former)
}

func TestFormerHoldersAreBounded(t *testing.T) {
	ten, a := newTenancy(), addr(t, "198.18.128.7")
	for i := range 100 {
		ten.take(a, &pod{from: second(i)})
	}
	require.Len(t, ten.former[a], maxFormer)
	require.EqualValues(t, 100-1-maxFormer, ten.dropped)
	require.Equal(t, second(98), ten.at(a, second(98)).from)
}
