//go:build linux

package capture

import (
	"maps"

	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// What drains do with the attachments. They wait for nothing that the watcher waits for.

// slotsNow copies who counts where, for a drain to work with.
func (a *attachments) slotsNow(owner *owners) (inside map[uint16]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*owner = a.slots.owner
	return maps.Clone(a.slots.inside)
}

// observe looks at a record for signs that deliveries bypass the host end.
func (a *attachments) observe(r *flow.Record) {
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		found := bypassEvidence(r, d)
		if found == noEvidence || r.Dir[d].SentIf.UnknownUntil == notYet {
			continue
		}
		a.mu.Lock()
		if held := a.byIndex[r.Dir[d].SentIf.Index]; held != nil && held.inside == nil {
			if found == proof {
				a.prove(held)
			}
			held.bypass.suspected = true
		}
		a.mu.Unlock()
	}
}

// report reads the statistics of all slots in a generation that rests.
func (a *attachments) report(generation uint32, d *drainer, report *Report) error {
	for slot, i := range d.owner {
		if i == nil {
			continue
		}
		for hook := range bpf.HookEgress + 1 {
			counts, err := d.counters.drain(generation, uint16(slot), hook, i)
			if err != nil {
				return err
			}
			if counts.Seen.Packets > 0 {
				counts.Inside = d.inside[uint16(slot)]
				report.Hooks = append(report.Hooks, counts)
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	report.Unobserved = a.gap.take()
	return nil
}

// afterDrain frees slots, and makes known what the drain or the watcher found out about interfaces. It
// tells whether the watcher shall answer something.
func (a *attachments) afterDrain(now flow.Nanos) (ask bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.slots.drained(); err != nil {
		a.logger.Warn("slot not given back cleanly", zap.Error(err))
	}
	for _, held := range a.byIndex {
		a.weigh(held, now)
		held.mark()
		ask = ask || held.bypass.proven && !held.bypass.answered
	}
	return ask || a.checkDue
}

// weigh concludes from what a generation showed of deliveries.
func (a *attachments) weigh(held *attachment, now flow.Nanos) {
	b := &held.bypass
	if !b.suspected {
		return
	}
	b.suspected = false
	if b.answers++; b.answers >= answersToProve {
		a.prove(held)
	}
	held.unknown = max(held.unknown, now)
}
