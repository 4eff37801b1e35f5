package kube

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestAListEndsWhatItDoesNotHave(t *testing.T) {
	w := newWorld(t)
	settled := 0
	s := &store{table: w.ix.podTable(), ix: w.ix, now: w.time, first: func() { settled++ }}
	a, b := newPod("a", "n1", "198.18.128.7"), newPod("b", "n1", "198.18.128.8")
	trimmed, err := s.Transformer()(b)
	require.NoError(t, err)
	require.NoError(t, s.Replace([]any{a, trimmed, "nonsense"}, ""))
	require.Len(t, w.ix.pods, 2)
	require.NoError(t, s.Replace([]any{b}, ""))
	require.Len(t, w.ix.pods, 1)
	require.Equal(t, "a", w.known("198.18.128.7").PodName, "for a minute more")
	require.Equal(t, 2, settled)
}

func TestReadersAndWritersMayMeet(t *testing.T) {
	w := newWorld(t)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					who, found := w.lookup("198.18.128.7", w.now)
					if found == Known && who.Kind != flow.Pod {
						t.Error(who)
					}
				}
			}
		})
	}
	s := &store{table: w.ix.podTable(), ix: w.ix, now: w.time, lag: func(time.Duration) {}, first: func() {}}
	for range 200 {
		_ = s.Add(newPod("a", "n1", "198.18.128.7"))
		_ = s.Delete(newPod("a", "n1", "198.18.128.7"))
		w.ix.prune(latest)
	}
	close(stop)
	readers.Wait()
}
