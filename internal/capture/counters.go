//go:build linux

package capture

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// HookCounts is what one hook of one interface saw in a generation. Always
// Seen = Flows + Transit + Overflow + NotIP + Malformed + Skipped.
type HookCounts struct {
	Interface *flow.Interface
	Egress    bool
	Inside    bool       // at the pod's own device: what reached it past this interface
	Seen      flow.Count // counted by itself
	Flows     flow.Count // in connection entries
	Transit   flow.Count // at uplinks: of pods, or of others
	Overflow  flow.Count // found no entry
	NotIP     flow.Count
	Malformed flow.Count
	Skipped   flow.Count // left out by sampling
	// Segmented is the part of Seen that super-packets become on the wire beyond the one that the kernel
	// handed over: where `ip -s link` counts that one, it shows Seen less Segmented.
	Segmented flow.Count
}

// statistics reads what the programs counted. Nobody resets it.
type statistics struct {
	table  *ebpf.Map
	perCPU []bpf.Stats
}

// read sums one hook's statistics of one generation over the CPUs.
func (s *statistics) read(generation uint32, slot uint16, hook uint8) (sum bpf.Stats, err error) {
	index := (generation*uint32(bpf.MaxInterfaces)+uint32(slot))*2 + uint32(hook)
	if err := s.table.Lookup(index, &s.perCPU); err != nil {
		return sum, fmt.Errorf("read statistics of slot %d: %w", slot, err)
	}
	for i := range s.perCPU {
		addStats(&sum, &s.perCPU[i])
	}
	return sum, nil
}

// total is what both hooks of a slot ever counted.
func (s *statistics) total(slot uint16) (total [2]bpf.Stats, err error) {
	for hook := range total {
		for generation := range uint32(2) {
			sum, err := s.read(generation, slot, uint8(hook))
			if err != nil {
				return total, err
			}
			addStats(&total[hook], &sum)
		}
	}
	return total, nil
}

// counters are the statistics from drain to drain: what counts is the difference
// to the reading before.
type counters struct {
	statistics
	last [2][2 * bpf.MaxInterfaces]bpf.Stats // by generation, and slot and hook
}

func newCounters(table *ebpf.Map) *counters { return &counters{statistics: statistics{table: table}} }

// drain is what a generation that rests counted since it was drained before.
func (c *counters) drain(generation uint32, slot uint16, hook uint8, i *flow.Interface) (HookCounts, error) {
	now, err := c.read(generation, slot, hook)
	if err != nil {
		return HookCounts{}, err
	}
	last := &c.last[generation][uint32(slot)*2+uint32(hook)]
	counts := HookCounts{
		Interface: i,
		Egress:    hook == bpf.HookEgress,
		Seen:      since(now.Seen, last.Seen),
		Flows:     since(now.Flows, last.Flows),
		Transit:   since(now.Transit, last.Transit),
		Overflow:  since(now.Overflow, last.Overflow),
		NotIP:     since(now.NotIp, last.NotIp),
		Malformed: since(now.Malformed, last.Malformed),
		Skipped:   since(now.Skipped, last.Skipped),
		Segmented: since(now.Segmented, last.Segmented),
	}
	*last = now
	return counts, nil
}

func since(now, before bpf.Amount) flow.Count {
	return flow.Count{Packets: now.Packets - before.Packets, Bytes: now.Bytes - before.Bytes}
}

func addStats(sum, s *bpf.Stats) {
	addAmount(&sum.Seen, s.Seen)
	addAmount(&sum.Flows, s.Flows)
	addAmount(&sum.Transit, s.Transit)
	addAmount(&sum.Overflow, s.Overflow)
	addAmount(&sum.NotIp, s.NotIp)
	addAmount(&sum.Malformed, s.Malformed)
	addAmount(&sum.Skipped, s.Skipped)
	addAmount(&sum.Segmented, s.Segmented)
}

func addAmount(sum *bpf.Amount, a bpf.Amount) {
	sum.Packets += a.Packets
	sum.Bytes += a.Bytes
}
