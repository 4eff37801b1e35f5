//go:build linux

package capture

import (
	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Why packets passed an interface without being seen.
const (
	beforeAttach = "before_attach"
	hookGap      = "hook_gap"
)

// Unobserved is what the kernel's own statistics of an interface have and ours do not.
type Unobserved struct {
	Interface *flow.Interface
	Egress    bool
	Reason    string
	Count     flow.Count
}

// gapReport collects what passed unseen until the next drain asks.
type gapReport struct{ pending []Unobserved }

func (g *gapReport) add(i *flow.Interface, hook int, reason string, c flow.Count) {
	if c != (flow.Count{}) {
		g.pending = append(g.pending, Unobserved{i, hook == int(bpf.HookEgress), reason, c})
	}
}

func (g *gapReport) take() []Unobserved {
	pending := g.pending
	g.pending = nil
	return pending
}

// tell reports what a sample has beyond what is known as unseen.
func (a *attachments) tell(held *attachment, i int, now balance) flow.Count {
	unseen := now.beyond(held.known[i])
	held.known[i].add(unseen)
	if unseen.Packets == 0 {
		return flow.Count{} // bytes alone are VLAN tags that the kernel took off after it counted
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gap.add(held.iface, i, held.reason[i], unseen)
	return unseen
}

// settle tells at once what passed until a hook was there. Under traffic that is an estimate, which
// settleAll corrects.
func (a *attachments) settle(held *attachment, i int) flow.Count {
	lowest, err := a.sample(held)
	if err != nil {
		return flow.Count{} // gone again
	}
	for range estimates - 1 {
		another, err := a.sample(held)
		if err != nil || another == lowest {
			break
		}
		if another[i].balance().packets < lowest[i].balance().packets {
			lowest = another
		}
	}
	return a.tell(held, i, lowest[i].balance())
}

// settleAll corrects, of pairs that are quiet, what was estimated while they were not. What other interfaces
// count differently than we do (drops, offloads) is accepted, so that it is not taken for a gap later.
// The hooks are looked at after the statistics: they were there then, or that is a gap.
func (a *attachments) settleAll(look func(held *attachment, i int) (there bool)) {
	before := a.sampleAll()
	if err := a.grace(); err != nil {
		return
	}
	for index, now := range a.sampleAll() {
		held, whole := a.byIndex[index], true
		for i := range held.hooks {
			there := look(held, i)
			if there && held.device.isPair() && now[i] == before[index][i] {
				a.tell(held, i, now[i].balance())
			}
			whole = whole && there
		}
		if whole && !held.device.isPair() {
			held.known = [2]balance{now[0].balance(), now[1].balance()}
		}
	}
}

// inherit is what an attachment that follows this one on the same interface knows from the start.
func (a *attachments) inherit(held *attachment) [2]balance {
	known := held.known
	if seen, err := a.seen(held); err == nil {
		for i := range known {
			known[i].add(seen[i])
		}
	}
	return known
}
