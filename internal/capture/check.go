//go:build linux

package capture

import (
	"time"

	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// retrial is when a hook was last put back, and how long to wait before the next time: what another
// program does to us again and again is not fought with.
type retrial struct {
	last  time.Time
	pause time.Duration
}

const (
	firstPause = 10 * time.Second
	lastPause  = 10 * time.Minute
)

// due tells whether it is time, and takes note of it.
func (r *retrial) due(now time.Time) bool {
	passed := now.Sub(r.last)
	if passed < r.pause {
		return false
	}
	if passed > 2*lastPause {
		r.pause = 0
	}
	r.last, r.pause = now, min(max(2*r.pause, firstPause), lastPause)
	return true
}

// askCheck lets the watcher look at every hook when it is asked next.
func (a *attachments) askCheck() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checkDue = true
}

func (a *attachments) takeCheck() (due bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	due, a.checkDue = a.checkDue, false
	return due
}

// checkAll looks at every hook: nothing tells when a tcx program is added.
func (a *attachments) checkAll(now time.Time) {
	a.settleAll(func(held *attachment, i int) bool { return a.checkHook(held, i, now) })
	a.comparePeers()
}

// check puts hooks back that somebody removed or got in front of.
func (a *attachments) check(index int, now time.Time) {
	held := a.byIndex[index]
	if held == nil || a.closing.Load() {
		return
	}
	for i := range held.hooks {
		a.checkHook(held, i, now)
	}
}

// checkHook returns whether the hook was there all the time.
func (a *attachments) checkHook(held *attachment, i int, now time.Time) bool {
	h := held.hooks[i]
	if h != nil {
		if first, err := h.First(); err != nil || first {
			return true
		}
	}
	held.reason[i] = hookGap
	if !held.putBack[i].due(now) {
		return false
	}
	if h != nil {
		if err := h.Close(); err != nil {
			a.logger.Debug("hook not removed", zap.String("interface", held.iface.Name), zap.Error(err))
		}
	}
	h, err := held.by[i].Attach(held.place(i), held.programs[i])
	if err != nil {
		a.setHook(held, i, nil)
		a.fail(held.device, "hook not put back", err)
		return false
	}
	a.setHook(held, i, h)
	missed := a.settle(held, i)
	a.logger.Warn("hook put back: it was removed, or another program was before it",
		zap.String("interface", held.iface.Name), zap.Bool("egress", held.place(i).egress),
		zap.Uint64("packets_unseen", missed.Packets))
	return false
}

// settleAtEnd tells of a gap that lasts until the end, too.
func (a *attachments) settleAtEnd(held *attachment, i int) bool {
	if held.hooks[i] != nil {
		if first, err := held.hooks[i].First(); err != nil || first {
			return true
		}
	}
	held.reason[i] = hookGap
	return true
}

// setHook takes over a hook that was put back, or notes that there is none. What passed meanwhile was
// not seen, and nothing may be concluded from that.
func (a *attachments) setHook(held *attachment, i int, h hook) {
	a.mu.Lock()
	defer a.mu.Unlock()
	held.hooks[i] = h
	since := notYet
	if held.hooks[0] != nil && held.hooks[1] != nil {
		since = a.clock.now()
		delete(a.failed, held.device.index)
	}
	held.began = since
	if held.iface.Role == flow.PodSide && i == int(bpf.HookEgress) && !held.bypass.proven {
		held.unknown = since
	}
}
