//go:build linux

package capture

import (
	"github.com/vishvananda/netlink"

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

// balance is how far an interface's own statistics are ahead of what a slot saw: by what passed unseen and
// was told, and by what an attachment before this one saw.
type balance struct{ packets, bytes int64 }

func balanceOf(all, seen flow.Count) balance {
	return balance{int64(all.Packets - seen.Packets), int64(all.Bytes - seen.Bytes)}
}

// beyond is what one balance has and the other has not.
func (b balance) beyond(known balance) flow.Count {
	return flow.Count{
		Packets: uint64(max(b.packets-known.packets, 0)),
		Bytes:   uint64(max(b.bytes-known.bytes, 0)),
	}
}

func (b *balance) add(c flow.Count) {
	b.packets += int64(c.Packets)
	b.bytes += int64(c.Bytes)
}

// seen is what the attachment's slot counted, in the units of the interface's own statistics. Those of
// pairs count super-packets as one, as they are handed over; for the rest it depends on the driver, and
// wire packets are the better guess.
func (a *attachments) seen(held *attachment) (counts [2]flow.Count, err error) {
	total, err := a.counters.total(held.slot)
	if err != nil {
		return counts, err
	}
	for i := range counts {
		counts[i] = since(total[i].Seen, held.base[i].Seen)
		if held.device.isPair() {
			segments := since(total[i].Segmented, held.base[i].Segmented)
			counts[i].Packets -= segments.Packets
			counts[i].Bytes -= segments.Bytes
		}
	}
	return counts, nil
}

// settle takes what the interface counted beyond what is known as unseen. Its statistics were read before
// ours are: packets that are on their way are then not taken for unseen ones.
func (a *attachments) settle(held *attachment, i int, l netlink.Link) flow.Count {
	seen, err := a.seen(held)
	if err != nil {
		return flow.Count{}
	}
	unseen := balanceOf(countersOf(l)[i], seen[i]).beyond(held.known[i])
	held.known[i].add(unseen)
	if unseen.Packets == 0 {
		return flow.Count{} // bytes alone are VLAN tags that the kernel took off after it counted
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gap.add(held.iface, i, held.reason[i], unseen)
	return unseen
}

// settleAttached tells what passed before the hooks were there.
func (a *attachments) settleAttached(held *attachment) {
	l, err := a.netlink.LinkByIndex(held.device.index)
	if err != nil {
		return // gone again
	}
	for i := range held.hooks {
		a.settle(held, i, l)
	}
}

// settleAll corrects, when a pair is quiet, what was estimated while it was not. What other interfaces
// count differently than we do (drops, offloads) is accepted, so that it is not taken for a gap later.
// The hooks are looked at after the statistics: they were there then, or that is a gap.
func (a *attachments) settleAll(look func(held *attachment, i int) (there bool)) {
	links, err := a.netlink.LinkList()
	if err != nil {
		return // interrupted by a change: there is a next time
	}
	for _, l := range links {
		held := a.byIndex[l.Attrs().Index]
		if held == nil {
			continue
		}
		whole := true
		for i := range held.hooks {
			there := look(held, i)
			if there && held.device.isPair() {
				a.settle(held, i, l)
			}
			whole = whole && there
		}
		if whole && !held.device.isPair() {
			a.rebase(held, l)
		}
	}
}

func (a *attachments) rebase(held *attachment, l netlink.Link) {
	seen, err := a.seen(held)
	if err != nil {
		return
	}
	for i, all := range countersOf(l) {
		held.known[i] = balanceOf(all, seen[i])
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
