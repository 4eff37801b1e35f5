//go:build linux

package capture

import (
	"time"

	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Why packets passed an interface without being seen.
const (
	beforeAttach = "before_attach"
	hookGap      = "hook_gap"
)

// reattachPause keeps us from fighting with a program that wants to be first, too.
const reattachPause = 10 * time.Second

// Unobserved is what the kernel's own statistics of an interface have and ours do not.
type Unobserved struct {
	Interface *flow.Interface
	Egress    bool
	Reason    string
	Count     flow.Count
}

// gapReport collects what passed unseen until the next drain asks.
type gapReport struct{ pending []Unobserved }

func (g *gapReport) add(i *flow.Interface, hook uint8, reason string, c flow.Count) {
	if c != (flow.Count{}) {
		g.pending = append(g.pending, Unobserved{i, hook == bpf.HookEgress, reason, c})
	}
}

func (g *gapReport) take() []Unobserved {
	pending := g.pending
	g.pending = nil
	return pending
}

// check puts hooks back that somebody removed or got in front of.
func (a *attachments) check(index int, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	held := a.byIndex[index]
	if held == nil || a.closed {
		return
	}
	for i := range held.hooks {
		a.checkHook(held, i, now)
	}
}

// checkAll looks at every hook: nothing tells when a tcx program is added.
func (a *attachments) checkAll(now time.Time) {
	for _, index := range a.indexes() {
		a.check(index, now)
	}
}

func (a *attachments) checkHook(held *attachment, i int, now time.Time) {
	if held.hooks[i] != nil {
		first, err := held.hooks[i].First()
		if err != nil || first || now.Sub(held.reattached[i]) < reattachPause {
			return
		}
		if err := held.hooks[i].Close(); err != nil {
			a.logger.Debug("hook not removed", zap.String("interface", held.iface.Name), zap.Error(err))
		}
		held.hooks[i] = nil
	}
	held.reattached[i] = now
	at := place{held.device.index, held.device.name, i == int(bpf.HookEgress)}
	hook, err := held.by[i].Attach(at, held.programs[i])
	if err != nil {
		if !vanished(err) {
			a.failures[reasonOf(err)]++
			a.logger.Warn("hook not put back", zap.String("interface", held.iface.Name), zap.Error(err))
		}
		return
	}
	held.hooks[i] = hook
	missed := a.missed(held, i)
	a.gap.add(held.iface, uint8(i), hookGap, missed)
	held.before[i].Add(missed)
	a.logger.Warn("hook put back: it was removed, or another program was before it",
		zap.String("interface", held.iface.Name), zap.Bool("egress", at.egress), zap.Uint64("packets_unseen", missed.Packets))
}

// missed is what the interface counted beyond what we saw and what is known to be unseen.
// Packets that are on their way at this moment may count on either side.
func (a *attachments) missed(held *attachment, i int) flow.Count {
	l, err := a.netlink.LinkByIndex(held.device.index)
	if err != nil {
		return flow.Count{}
	}
	total, err := a.counters.total(held.slot)
	if err != nil {
		return flow.Count{}
	}
	seen := since(total[i].Seen, held.base[i].Seen)
	all := countersOf(l)[i]
	return flow.Count{
		Packets: beyond(all.Packets, held.before[i].Packets+seen.Packets),
		Bytes:   beyond(all.Bytes, held.before[i].Bytes+seen.Bytes),
	}
}

func beyond(a, b uint64) uint64 {
	if a > b {
		return a - b
	}
	return 0
}
