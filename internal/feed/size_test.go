//go:build linux

package feed

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// lists of a million entries each, by what is on them.
func lists() map[string]func(*rand.Rand) string {
	range4 := func(r *rand.Rand) string {
		return netip.PrefixFrom(random4(r), []int{24, 24, 24, 22, 21, 20, 28, 30}[r.IntN(8)]).Masked().String()
	}
	return map[string]func(*rand.Rand) string{
		"ipv4":   func(r *rand.Rand) string { return random4(r).String() },
		"ipv6":   func(r *rand.Rand) string { return random6(r).String() },
		"ranges": range4,
		"names":  randomName,
		"mixed": func(r *rand.Rand) string {
			switch n := r.IntN(100); {
			case n < 45:
				return random4(r).String()
			case n < 50:
				return random6(r).String()
			case n < 55:
				return range4(r)
			}
			return randomName(r)
		},
	}
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func TestAMillionEntriesTake80MiB(t *testing.T) {
	share := 1
	if raced() {
		share = 4 // all that is made grows with the entries, and this takes ten times as long
	}
	for _, name := range []string{"ipv4", "ipv6", "ranges", "names"} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			load := func() *Snapshot {
				set, err := readingOf(List).parse(written(million/share, lists()[name]), noon)
				require.NoError(t, err)
				require.Equal(t, million/share, set.entries())
				return snapshotOf(set)
			}
			s := load()
			took := heap() - before
			t.Logf("%.1f MiB", took)
			require.Less(t, took, 80.0/float64(share))
			runtime.KeepAlive(s)
		})
	}
}

func TestAReloadTakesTwiceTheMemoryAndGivesItBack(t *testing.T) {
	const entries = million / 20
	path := filepath.Join(t.TempDir(), "list")
	r := newRig(t, listAt(path))
	version := func(n int) {
		text, err := io.ReadAll(written(entries, randomName))
		require.NoError(t, err)
		writeFile(t, path, fmt.Sprintf("%sn%d.example\n", text, n), noon.Add(time.Duration(n-100)*time.Minute))
	}
	before := heap()
	version(0)
	r.attempt()
	one := heap() - before
	for n := 1; n <= 3; n++ {
		old := r.Snapshot()
		version(n)
		require.EqualValues(t, n+1, r.attempt().Loads)
		require.Less(t, heap()-before, 2.2*one)
		runtime.KeepAlive(old)
	}
	require.Less(t, heap()-before, 1.1*one)
}

func BenchmarkLoad(b *testing.B) {
	for name, line := range lists() {
		b.Run(name, func(b *testing.B) {
			text, err := io.ReadAll(written(million, line))
			require.NoError(b, err)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				set, err := readingOf(List).parse(bytes.NewReader(text), noon)
				require.NoError(b, err)
				snapshotOf(set)
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	for name, line := range lists() {
		n := million
		if name == "ranges" {
			n /= 10 // there are no longer lists of ranges
		}
		set, err := readingOf(List).parse(written(n, line), noon)
		require.NoError(b, err)
		s := snapshotOf(set)
		b.Run(name+"/hit", func(b *testing.B) { look(b, s, line, 1, true) })
		b.Run(name+"/miss", func(b *testing.B) { look(b, s, line, 7, false) })
	}
}

// look asks for what the lines of a seed say, all of them in each operation.
func look(b *testing.B, s *Snapshot, line func(*rand.Rand) string, seed uint64, listed bool) {
	const questions = 1 << 16
	addrs, names := ask(questions, line, seed)
	found := 0
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		for _, a := range addrs {
			if _, ok := s.Address(a); ok {
				found++
			}
		}
		for _, n := range names {
			if _, ok := s.Name(n); ok {
				found++
			}
		}
	}
	asked := b.N * questions
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(asked), "ns/look-up")
	b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(asked), "cpu-ns/look-up")
	if listed {
		require.Equal(b, asked, found)
	} else {
		require.Less(b, found, asked)
	}
}

// ask makes questions. The names lie beside each other, so that reading them costs
// little.
func ask(n int, line func(*rand.Rand) string, seed uint64) (addrs []netip.Addr, names []string) {
	var ends []int
	var text strings.Builder
	random := seeded(seed)
	for range n {
		q := line(random)
		if p, ok := parsePrefix(q); ok {
			addrs = append(addrs, p.Addr())
			continue
		}
		text.WriteString("Www." + q)
		ends = append(ends, text.Len())
	}
	start := 0
	for _, end := range ends {
		names = append(names, text.String()[start:end])
		start = end
	}
	return addrs, names
}

// processorTime is what this process used: on a machine that is shared, the time on
// the wall says more of the others.
func processorTime(tb testing.TB) time.Duration {
	var r unix.Rusage
	require.NoError(tb, unix.Getrusage(unix.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// raced tells whether the race detector watches.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
