package feed

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

// running starts Feeds on a stopwatch; each snapshot comes on the channel.
func running(t *testing.T, config Config) (f *Feeds, clock *stopwatch, changed <-chan *Snapshot) {
	clock = newStopwatch()
	snapshots := make(chan *Snapshot, 1000)
	f = newFeeds(config, componenttest.NewNopTelemetrySettings(), Options{Changed: func(s *Snapshot) { snapshots <- s }}, clock)
	require.NoError(t, f.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(f.Shutdown)
	return f, clock, snapshots
}

func TestFeedsReadAllListsAndThenWatchThem(t *testing.T) {
	dir := t.TempDir()
	bad, good := listAt(filepath.Join(dir, "bad")), listAt(filepath.Join(dir, "good"))
	writeFile(t, bad.File, "198.18.0.1\n198.18.0.2\n", noon.Add(-time.Hour))
	writeFile(t, good.File, "198.18.0.2\n", noon.Add(-time.Hour))
	config := NewDefaultConfig()
	config.Feeds, config.Allow = []SourceConfig{bad}, []SourceConfig{good}
	f, clock, changed := running(t, config)
	<-f.Loaded()
	require.NotEmpty(t, matched(f.Snapshot(), "198.18.0.1"))
	require.Empty(t, matched(f.Snapshot(), "198.18.0.2"))
	require.True(t, f.Stats()[1].Source.Allow)
	before := f.Snapshot().Generation()
	for (<-changed).Generation() < before {
	}

	writeFile(t, bad.File, "198.18.0.3\n198.18.0.4\n", noon.Add(-time.Minute))
	<-clock.asked
	<-clock.asked
	clock.advance(30 * time.Second)
	next := <-changed
	require.Equal(t, before+1, next.Generation())
	require.Same(t, next, f.Snapshot())
	require.NotEmpty(t, matched(next, "198.18.0.3"))
}

func TestFeedsAreLoadedAlsoWhenAListIsMissing(t *testing.T) {
	config := NewDefaultConfig()
	config.Feeds = []SourceConfig{listAt("/nowhere/list")}
	f, _, _ := running(t, config)
	<-f.Loaded()
	require.Equal(t, Missing, f.Stats()[0].State)
	require.Zero(t, f.Snapshot().Generation())
}

func TestFeedsWithoutLists(t *testing.T) {
	off := NewDefaultConfig()
	off.Enabled, off.Feeds = false, []SourceConfig{listAt("/nowhere/list")}
	for _, config := range []Config{NewDefaultConfig(), off} {
		f, _, _ := running(t, config)
		<-f.Loaded()
		require.Empty(t, f.Stats())
		require.Empty(t, matched(f.Snapshot(), "198.18.0.1"))
		require.Empty(t, matched(f.Snapshot(), "evil.example"))
	}
}

func TestASnapshotEndsWithItsFirstEntry(t *testing.T) {
	c := listAt(filepath.Join(t.TempDir(), "list"))
	c.Interval = 100 * time.Hour
	writeFile(t, c.File, `{"objects":[
		{"type":"indicator","pattern":"[ipv4-addr:value = '198.18.0.1']","valid_until":"2026-11-24T13:00:00Z"},
		{"type":"indicator","pattern":"[ipv4-addr:value = '198.18.0.2']","valid_until":"2026-11-24T13:00:01Z"},
		{"type":"indicator","pattern":"[ipv4-addr:value = '198.18.0.3']"}]}`, noon.Add(-time.Hour))
	config := NewDefaultConfig()
	config.Feeds = []SourceConfig{c}
	_, clock, changed := running(t, config)
	require.NotEmpty(t, matched(<-changed, "198.18.0.1"))
	clock.awaits(time.Hour)
	clock.advance(time.Hour)
	s := <-changed
	require.Empty(t, matched(s, "198.18.0.1"))
	require.NotEmpty(t, matched(s, "198.18.0.2"))
	clock.awaits(time.Minute) // together with all that end in it
	clock.advance(time.Minute)
	s = <-changed
	require.Empty(t, matched(s, "198.18.0.2"))
	require.NotEmpty(t, matched(s, "198.18.0.3"))
}

func TestShutdownDoesNotWaitForAServer(t *testing.T) {
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintln(w, "198.18.0.1")
		w.(http.Flusher).Flush()
		asked <- struct{}{}
		<-req.Context().Done()
	}))
	defer server.Close()
	config := NewDefaultConfig()
	config.Feeds = []SourceConfig{listAt(server.URL)}
	f, _, _ := running(t, config)
	<-asked
	f.Shutdown()
	require.Equal(t, Pending, f.Stats()[0].State)
}

func TestFeedsOnTheRealClock(t *testing.T) {
	config := NewDefaultConfig()
	c := listAt(filepath.Join(t.TempDir(), "list"))
	writeFile(t, c.File, "198.18.0.1\n", time.Now())
	config.Feeds = []SourceConfig{c}
	f := New(config, componenttest.NewNopTelemetrySettings(), Options{})
	require.NoError(t, f.Start(t.Context(), componenttest.NewNopHost()))
	defer f.Shutdown()
	<-f.Loaded()
	require.NotEmpty(t, matched(f.Snapshot(), "198.18.0.1"))
	require.WithinDuration(t, time.Now(), f.Stats()[0].LastSuccess, time.Minute)
}

func TestShutdownWithoutStart(t *testing.T) {
	New(NewDefaultConfig(), componenttest.NewNopTelemetrySettings(), Options{}).Shutdown()
}

// What each version names is found in each look-up, whatever happens to the list.
func TestReloadingLeavesNoGap(t *testing.T) {
	c := listAt(filepath.Join(t.TempDir(), "list"))
	version := func(n int) string {
		var text strings.Builder
		text.WriteString("198.18.0.1\n198.19.0.0/16\nevil.example\n")
		for i := range 100 {
			fmt.Fprintf(&text, "198.18.%d.%d\nn%d.v%d.example\n", 1+n%2, i, i, n)
		}
		return text.String()
	}
	write := func(n int) {
		require.NoError(t, os.WriteFile(c.File+".new", []byte(version(n)), 0o600))
		require.NoError(t, os.Rename(c.File+".new", c.File))
	}
	write(0)
	config := NewDefaultConfig()
	config.Feeds = []SourceConfig{c}
	f, clock, changed := running(t, config)
	<-f.Loaded()
	<-changed
	done := make(chan struct{})
	var askers sync.WaitGroup
	for range 2 {
		askers.Go(func() {
			for generation := uint64(0); ; {
				select {
				case <-done:
					return
				default:
				}
				s := f.Snapshot()
				if s.Generation() < generation {
					t.Error("an older snapshot came back")
				}
				generation = s.Generation()
				_, a := s.Address(netip.MustParseAddr("198.18.0.1"))
				_, b := s.Address(netip.MustParseAddr("198.19.7.7"))
				_, n := s.Name("www.evil.example")
				if !a || !b || !n {
					t.Error("an entry of all versions was not found")
				}
				f.Stats()
			}
		})
	}
	for n := 1; n <= 20; n++ {
		write(n)
		<-clock.asked
		clock.advance(30 * time.Second)
		require.NotEmpty(t, matched(<-changed, fmt.Sprintf("n1.v%d.example", n)))
	}
	close(done)
	askers.Wait()
}
