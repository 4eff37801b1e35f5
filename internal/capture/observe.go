//go:build linux

package capture

import (
	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// observe looks at a record for signs that deliveries bypass the host end.
func (a *attachments) observe(r *flow.Record) {
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		i := r.Dir[d].SentIf
		if i == nil || i.UnknownUntil == unknownForGood || !acknowledgesUnseen(r, d) {
			continue
		}
		a.mu.Lock()
		if held := a.byIndex[i.Index]; held != nil && held.iface == i {
			held.bypass.proven = true
		}
		a.mu.Unlock()
	}
}

// report reads the statistics of all slots in a generation that rests.
func (a *attachments) report(generation uint32, report *Report) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	report.Unobserved = a.gap.take()
	for slot, owner := range a.slots.owner {
		if owner == nil {
			continue
		}
		var both [2]HookCounts
		for hook := range both {
			counts, err := a.counters.drain(generation, uint16(slot), uint8(hook), owner)
			if err != nil {
				return err
			}
			both[hook] = counts
			if counts.Seen.Packets > 0 {
				report.Hooks = append(report.Hooks, counts)
			}
		}
		if held := a.byIndex[owner.Index]; held != nil && int(held.slot) == slot && owner.Role == flow.PodSide {
			a.watchSilence(held, both[bpf.HookIngress].Seen, both[bpf.HookEgress].Seen)
		}
	}
	return nil
}

// afterDrain frees slots, and answers what the drain proved.
func (a *attachments) afterDrain(now flow.Nanos) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slots.drained()
	for _, held := range a.byIndex {
		if held.bypass.proven {
			a.countInside(held, now)
		}
	}
}
