package feed

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// fileRig has one list of ten addresses in use.
func fileRig(t *testing.T, with func(*SourceConfig)) (r *rig, write func(string)) {
	path := filepath.Join(t.TempDir(), "list")
	changed := noon.Add(-time.Hour)
	write = func(content string) {
		changed = changed.Add(time.Second)
		writeFile(t, path, content, changed)
	}
	write(addresses(10))
	c := listAt(path)
	if with != nil {
		with(&c)
	}
	r = newRig(t, c)
	require.Equal(t, 10, r.attempt().Count(Address))
	return r, write
}

func addresses(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString("198.18.0." + string(rune('0'+i%10)) + "\n")
	}
	return text.String()
}

func TestABadVersionKeepsTheLastOne(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "comments": "# none\n", "broken": "see\nelse where\n", "a page": "<html>", "binary": "\x00\x01", "shrunken": addresses(4),
		"ended": `{"objects":[`, "shrunken to broken lines": addresses(4) + strings.Repeat("x y\n", 10),
	} {
		t.Run(name, func(t *testing.T) {
			r, write := fileRig(t, nil)
			write(content)
			st := r.attempt()
			require.Equal(t, Kept, st.State)
			require.Error(t, st.Error)
			require.Equal(t, 10, st.Count(Address))
			require.Equal(t, noon, st.LastSuccess)
			require.EqualValues(t, 1, st.Rejected)
			require.EqualValues(t, 1, r.Snapshot().Generation())
			require.NotEmpty(t, matched(r.Snapshot(), "198.18.0.9"))
			require.Equal(t, firstRetry, r.wait(), "it may be a file that is being written")
			r.attempt()
			require.EqualValues(t, 2, r.Stats()[0].Rejected)
			require.Len(t, r.told, 1, "said once")
			require.Contains(t, r.told[0], "; the last version is kept")

			write(addresses(9))
			require.Equal(t, 9, r.attempt().Count(Address))
			require.Equal(t, "", r.told[1])
			require.Equal(t, 30*time.Second, r.wait())
		})
	}
}

func TestAShrunkenListIsBelievedAfterADay(t *testing.T) {
	r, write := fileRig(t, nil)
	write(addresses(4))
	require.Equal(t, Kept, r.attempt().State)
	require.ErrorContains(t, r.Stats()[0].Error, "has shrunk to less than min_ratio: from 10 entries to 4")
	r.clock.advance(23 * time.Hour)
	require.Equal(t, Kept, r.attempt().State)
	r.clock.advance(time.Hour)
	require.Equal(t, Current, r.attempt().State)
	require.Equal(t, 4, r.Stats()[0].Count(Address))

	t.Run("but not one that was whole in between", func(t *testing.T) {
		write(addresses(1))
		require.Equal(t, Kept, r.attempt().State)
		write(addresses(4))
		require.Equal(t, Current, r.attempt().State)
		r.clock.advance(48 * time.Hour)
		write(addresses(1))
		require.Equal(t, Kept, r.attempt().State)
	})
}

func TestHowMuchAListMayShrinkIsConfigured(t *testing.T) {
	any := func(c *SourceConfig) { c.MinRatio = 0 }
	r, write := fileRig(t, any)
	write(addresses(1))
	require.Equal(t, 1, r.attempt().Count(Address))
	write("")
	require.Equal(t, Kept, r.attempt().State, "an empty one is never taken")
}

func TestBrokenLinesAreLoggedOnceWithTheFirstOfThem(t *testing.T) {
	r, write := fileRig(t, nil)
	write(addresses(10) + "no address\n")
	require.Equal(t, 1, r.attempt().Refused.Broken())
	write(addresses(11) + "no address\n")
	r.attempt()
	warnings := r.logs.FilterLevelExact(zap.WarnLevel).All()
	require.Len(t, warnings, 1)
	require.Equal(t, []any{`line 11: malformed: "no address"`}, warnings[0].ContextMap()["first"])
}

func TestAListOfNothingThatIsLookedForIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	writeFile(t, path, "10.0.0.0/8\n127.0.0.1\n", noon)
	r := newRig(t, listAt(path))
	require.Equal(t, Current, r.attempt().State)
	require.Equal(t, 2, r.Stats()[0].Refused.Count[NotPublic])
	require.Equal(t, map[string]int{"not_public": 2}, r.logs.FilterLevelExact(zap.WarnLevel).All()[0].ContextMap()["left_off"])
}

func TestTheEntriesOfAllListsTogetherAreBounded(t *testing.T) {
	dir := t.TempDir()
	one, two := listAt(filepath.Join(dir, "one")), listAt(filepath.Join(dir, "two"))
	two.Name, two.MinRatio = "two", 0
	writeFile(t, one.File, addresses(10), noon)
	writeFile(t, two.File, addresses(10), noon)
	r := newRig(t, one, two)
	r.budget.max = 15
	take := func(i int) Stats { r.workers[i].attempt(t.Context()); return r.Stats()[i] }
	require.Equal(t, 10, take(0).Count(Address))
	second := take(1)
	require.Equal(t, 5, second.Count(Address))
	require.Equal(t, 5, second.Refused.Count[OverLimit])
	writeFile(t, one.File, addresses(5), noon.Add(time.Second))
	require.Equal(t, 5, take(0).Count(Address))
	writeFile(t, two.File, addresses(11), noon.Add(time.Second))
	require.Equal(t, 10, take(1).Count(Address), "room that another list left")
}

func TestListsThatAreReadAtOnceShareTheRoom(t *testing.T) {
	b := newBudget(2, 3*grain)
	b.settle(0, grain) // in use, and read again
	require.Equal(t, grain, b.grant(0))
	require.Equal(t, grain, b.grant(0))
	require.Equal(t, grain, b.grant(1))
	require.Zero(t, b.grant(1))
	require.Zero(t, b.grant(0))
	b.settle(0, grain) // the new version was not taken
	require.Equal(t, grain, b.grant(1))
	require.Zero(t, b.grant(1))
}

func TestTheScheduleBacksOffUpToTheInterval(t *testing.T) {
	s := schedule{interval: time.Minute}
	fault := errShrunken
	for _, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		require.Equal(t, want*time.Second, s.next(fault, 0.9))
	}
	require.Equal(t, time.Minute, s.next(nil, 0.9))
	require.Equal(t, 5*time.Second, s.next(fault, 0.9), "it begins anew")
	require.Equal(t, 10*time.Minute, s.next(busy{wait: 10 * time.Minute}, 0.5), "as long as the server asks")
	require.Equal(t, longestRetry, s.next(busy{wait: 1000 * time.Hour}, 0.5))
	s = schedule{interval: time.Hour, jitter: jitter}
	require.Equal(t, 54*time.Minute, s.next(nil, 0))
	require.Equal(t, time.Hour, s.next(nil, 0.5))
}
