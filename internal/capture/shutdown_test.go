//go:build linux

package capture

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// numberedSender sends datagrams with the numbers 0, 1, 2, ... from one CPU, so that none overtakes another,
// until it is stopped or has sent the most that it may.
type numberedSender struct {
	stop atomic.Bool
	done chan struct{}
	sent int
}

func startNumbered(t *testing.T, pod *nettest.Pod, most int) *numberedSender {
	t.Helper()
	ends := openFrames(t, pod.Namespace)
	index := pod.Link(t, "eth0").Attrs().Index
	s := &numberedSender{done: make(chan struct{})}
	go pod.Do(t, func() {
		defer close(s.done)
		var cpu unix.CPUSet
		cpu.Set(0)
		assert.NoError(t, unix.SchedSetaffinity(0, &cpu))
		pace := time.NewTicker(time.Millisecond)
		defer pace.Stop()
		for ; s.sent < most && !s.stop.Load(); s.sent++ {
			err := unix.Sendto(ends.fd, numbered(s.sent), 0, &unix.SockaddrLinklayer{Ifindex: index})
			if err != nil {
				return // the interface is gone
			}
			if s.sent%50 == 49 {
				<-pace.C
			}
		}
	})
	return s
}

func (s *numberedSender) end() {
	s.stop.Store(true)
	<-s.done
}

// requireUnbroken checks that what was counted are the numbers from first on, each once, without a hole, and
// returns the first number that was not.
func (s *sums) requireUnbroken(t *testing.T, first int) (end int) {
	t.Helper()
	counted := map[int]uint64{}
	for key, dirs := range s.flows {
		for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
			if n := numberOf(key.Tuple(d)); n >= 0 {
				counted[n] += dirs[d].Sent.Packets
			}
		}
	}
	for n := first; n < first+len(counted); n++ {
		require.Equal(t, uint64(1), counted[n], "number %d of %d", n, len(counted))
	}
	return first + len(counted)
}

func manyFlows(kind string) func(*Config) {
	return func(c *Config) { c.Hook, c.MaxFlows = kind, 65536 }
}

// Up to some packet all are counted, and none after it.
func TestShutdownUnderTrafficDrainsEverything(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, pod := pairNode(t)
			c, _ := open(t, node.Namespace, manyFlows(kind))
			s := newSums()
			sender := startNumbered(t, pod, 200_000)
			s.until(t, c, "traffic runs", func() bool { return s.seen(pod.HostEnd, false).Flows.Packets > 2000 })
			s.close(t, c)
			sender.end()
			s.requireIdentity(t)
			require.Zero(t, s.seen(pod.HostEnd, false).Overflow)
			end := s.requireUnbroken(t, 0)
			t.Logf("%d of %d were sent before the hook was gone", end, sender.sent)
			require.Greater(t, end, 2000)
			require.Less(t, end, sender.sent, "traffic went on")
		})
	}
}

// The same when the interface goes while drains run: as much is counted as by a capture that drains at its
// end only.
func TestInterfaceThatGoesDuringDrainsLosesNoCount(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, pod := pairNode(t)
			patient, _ := open(t, node.Namespace, manyFlows(kind))
			c, _ := open(t, node.Namespace, manyFlows(kind))
			s, all := newSums(), newSums()
			sender := startNumbered(t, pod, 8000) // no more than the patient one has room for
			s.until(t, c, "traffic runs", func() bool { return s.seen(pod.HostEnd, false).Flows.Packets > 2000 })
			s.during(t, c, func() { node.DeleteLink(t, pod.HostEnd) })
			sender.end()
			waitFor(t, c, 0)
			s.close(t, c)
			all.close(t, patient)
			s.requireIdentity(t)
			require.Zero(t, s.seen("unknown", false), "nothing is without its interface")
			require.Equal(t, all.requireUnbroken(t, 0), s.requireUnbroken(t, 0))
			require.Equal(t, all.counts(), s.counts())
		})
	}
}

// And when the capture begins under traffic: what passed before is counted as unseen.
func TestStartUnderTrafficCountsWhatPassedBefore(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, pod := pairNode(t)
			sender := startNumbered(t, pod, 200_000)
			name := pod.HostEnd
			require.Eventually(t, func() bool { return countersOf(node.Link(t, name))[0].Packets > 1000 }, 10*time.Second, time.Millisecond)
			c, _ := open(t, node.Namespace, manyFlows(kind))
			s := newSums()
			s.until(t, c, "traffic runs", func() bool { return s.seen(name, false).Flows.Packets > 2000 })
			sender.end()
			s.requireKernelAgrees(t, c, node.Namespace, name)
			began := s.seen(name, false).Interface.Began
			require.NotZero(t, began)
			require.Less(t, began, c.Now())
			s.close(t, c)
			s.requireIdentity(t)
			first := sender.sent - int(s.seen(name, false).Flows.Packets)
			require.Equal(t, sender.sent, s.requireUnbroken(t, first))
			require.GreaterOrEqual(t, s.unseen(name, false).Packets, uint64(first))
		})
	}
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		node, _ := pairNode(t)
		c, _ := open(t, node.Namespace, byHook(kind))
		newSums().close(t, c)
		requireNothingOfOurs(t, node.Namespace)
	}
}
