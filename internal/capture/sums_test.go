//go:build linux

package capture

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// hookName tells hooks apart as a user of the reports would.
type hookName struct {
	iface          string
	egress, inside bool
}

// sums adds up records and reports, as a user of the capture would.
type sums struct {
	flows      map[flow.Key]*[2]flow.Counts
	records    int
	drains     int
	hooks      map[hookName]*HookCounts
	unobserved map[hookName]map[string]flow.Count
	refused    flow.Count
	refusedTCP RefusedTCP // added up
	marks      map[string]flow.Interface
}

func newSums() *sums {
	return &sums{
		flows:      map[flow.Key]*[2]flow.Counts{},
		hooks:      map[hookName]*HookCounts{},
		unobserved: map[hookName]map[string]flow.Count{},
	}
}

func (s *sums) add(r *flow.Record) {
	s.records++
	held := s.flows[r.Key]
	if held == nil {
		held = &[2]flow.Counts{}
		s.flows[r.Key] = held
	}
	for i := range held {
		h, d := &held[i], &r.Dir[i]
		h.Sent.Add(d.Sent)
		h.Delivered.Add(d.Delivered)
		h.Payload += d.Payload
		h.SYNs += d.SYNs
		h.FINs += d.FINs
		h.RSTs += d.RSTs
		h.Fragments += d.Fragments
		h.Unreachable += d.Unreachable
		h.Flags |= d.Flags
		if d.SentIf != nil {
			h.SentIf = d.SentIf
		}
		if d.DeliveredIf != nil {
			h.DeliveredIf = d.DeliveredIf
		}
	}
}

func (s *sums) report(r Report) {
	s.drains++
	for _, h := range r.Hooks {
		name := hookName{h.Interface.Name, h.Egress, h.Inside}
		held := s.hooks[name]
		if held == nil {
			held = &HookCounts{Interface: h.Interface, Egress: h.Egress, Inside: h.Inside}
			s.hooks[name] = held
		}
		held.Interface = h.Interface
		held.Seen.Add(h.Seen)
		held.Flows.Add(h.Flows)
		held.Transit.Add(h.Transit)
		held.Overflow.Add(h.Overflow)
		held.NotIP.Add(h.NotIP)
		held.Malformed.Add(h.Malformed)
		held.Skipped.Add(h.Skipped)
		held.Segmented.Add(h.Segmented)
	}
	for _, u := range r.Unobserved {
		name := hookName{iface: u.Interface.Name, egress: u.Egress}
		if s.unobserved[name] == nil {
			s.unobserved[name] = map[string]flow.Count{}
		}
		sum := s.unobserved[name][u.Reason]
		sum.Add(u.Count)
		s.unobserved[name][u.Reason] = sum
	}
	for _, refused := range r.Refused {
		s.refused.Add(refused.Count)
	}
	for _, refused := range r.RefusedTCP {
		s.refusedTCP.SYNs += refused.SYNs
		s.refusedTCP.SYNACKs += refused.SYNACKs
		s.refusedTCP.RSTs += refused.RSTs
	}
}

// seen is what a hook saw; nothing, if it never saw a packet.
func (s *sums) seen(iface string, egress bool) HookCounts {
	if h := s.hooks[hookName{iface: iface, egress: egress}]; h != nil {
		return *h
	}
	return HookCounts{}
}

func (s *sums) unseen(iface string, egress bool) (sum flow.Count) {
	for _, count := range s.unobserved[hookName{iface: iface, egress: egress}] {
		sum.Add(count)
	}
	return sum
}

// between is what a direction of one tuple counted.
func (s *sums) between(t flow.Tuple) flow.Counts {
	key, d := t.Key()
	if held := s.flows[key]; held != nil {
		return held[d]
	}
	return flow.Counts{}
}

// of adds up the directions whose tuple is as asked.
func (s *sums) of(match func(t flow.Tuple) bool) (sum flow.Counts) {
	for key, dirs := range s.flows {
		for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
			if match(key.Tuple(d)) {
				sum.Sent.Add(dirs[d].Sent)
				sum.Delivered.Add(dirs[d].Delivered)
				sum.Payload += dirs[d].Payload
				sum.SYNs += dirs[d].SYNs
				sum.Fragments += dirs[d].Fragments
			}
		}
	}
	return sum
}

// requireIdentity checks that every packet that was seen is accounted for, and
// that the entries hold exactly what the interfaces say.
func (s *sums) requireIdentity(t *testing.T) {
	t.Helper()
	var inFlows, inEntries, inOverflow flow.Count
	for name, h := range s.hooks {
		var all flow.Count
		for _, part := range []flow.Count{h.Flows, h.Transit, h.Overflow, h.NotIP, h.Malformed, h.Skipped} {
			all.Add(part)
		}
		require.Equal(t, h.Seen, all, name)
		inFlows.Add(h.Flows)
		inOverflow.Add(h.Overflow)
	}
	for _, dirs := range s.flows {
		for i := range dirs {
			inEntries.Add(dirs[i].Sent)
			inEntries.Add(dirs[i].Delivered)
		}
	}
	require.Equal(t, inFlows, inEntries, "entries hold what hooks counted in flows")
	require.Equal(t, inOverflow, s.refused, "overflow by protocol is the overflow of hooks")
}

// requireKernelAgrees checks that the statistics that `ip -s link` shows are what was seen, as it was handed
// over, and what passed unseen. It drains until that is so: IPv6 is never quite silent.
func (s *sums) requireKernelAgrees(t *testing.T, c *Capture, in *nettest.Namespace, names ...string) {
	t.Helper()
	var differ string
	for deadline := time.Now().Add(10 * time.Second); ; {
		c.checked = time.Time{} // 10 s have passed: what was estimated under traffic is corrected
		s.drain(t, c)
		if differ = s.differences(t, in, names...); differ == "" {
			return
		}
		require.True(t, time.Now().Before(deadline), differ)
	}
}

func (s *sums) differences(t *testing.T, in *nettest.Namespace, names ...string) string {
	t.Helper()
	for _, name := range names {
		for i, want := range countersOf(in.Link(t, name)) {
			egress := i == 1
			h := s.seen(name, egress)
			got := flow.Count{Packets: h.Seen.Packets - h.Segmented.Packets, Bytes: h.Seen.Bytes - h.Segmented.Bytes}
			got.Add(s.unseen(name, egress))
			if got != want {
				return fmt.Sprintf("%s egress=%v: the kernel has %+v, we have %+v: %+v, unseen %v", name, egress, want, got, h,
					s.unobserved[hookName{iface: name, egress: egress}])
			}
		}
	}
	return ""
}

// drain drains once.
func (s *sums) drain(t *testing.T, c *Capture) {
	t.Helper()
	report, err := c.Drain(s.add)
	require.NoError(t, err)
	s.report(report)
}

// during drains all the time until f, which runs beside it, is done.
func (s *sums) during(t *testing.T, c *Capture, f func()) {
	t.Helper()
	s.duringEvery(t, c, 20*time.Millisecond, f)
}

func (s *sums) duringEvery(t *testing.T, c *Capture, every time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			require.False(t, t.Failed())
			return
		case <-tick.C:
			s.drain(t, c)
		}
	}
}

// until drains until a condition holds.
func (s *sums) until(t *testing.T, c *Capture, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-tick.C {
		require.True(t, time.Now().Before(deadline), what)
		s.drain(t, c)
	}
}

func (s *sums) close(t *testing.T, c *Capture) {
	t.Helper()
	require.NoError(t, c.Close(s.add, s.report))
}
