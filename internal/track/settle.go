package track

import (
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// settleDrains is how many drains a difference must last to be a loss: packets
// that pass the first hook before a swap and the second after it are on their way
// for microseconds.
const settleDrains = 3

// devicesAtMost bounds the local addresses that are remembered.
const devicesAtMost = 8192

// devices knows behind which local veth an address is: where the node delivered
// packets for it. What a pod claims as its own source is no evidence.
type devices map[flow.Addr]*flow.Interface

func (d devices) learn(a flow.Addr, i *flow.Interface) {
	if _, known := d[a]; known || len(d) < devicesAtMost {
		d[a] = i
	}
}

// ledger follows packets that left a pod for another on this node until they were
// handed over, or have been missing for settleDrains.
type ledger struct {
	missing [2][settleDrains]uint64 // at the last drains
	drains  int
	quiet   int // drains without a new packet
	touched bool
}

// follow counts what a record says of packets between pods of this node.
func (t *Table[P]) follow(c *Conn[P], r *flow.Record, swapped bool) {
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		from, to := &r.Dir[d], Of(d, swapped)
		if i := from.SentIf; i != nil && i.Role == flow.PodSide {
			c.sent[to] += from.Sent.Packets
		}
		if i := from.DeliveredIf; i != nil && i.Role == flow.PodSide {
			if c.delivered[to] == 0 {
				t.behind.learn(r.Key.Tuple(d).Dst, i)
			}
			c.delivered[to] += from.Delivered.Packets
		}
	}
	if !c.local {
		c.local = t.isLocal(c)
	}
	if !c.local || c.settled() {
		return
	}
	if c.ledger == nil {
		c.ledger = &ledger{}
		t.open[c] = struct{}{}
	}
	c.ledger.touched = true
}

// isLocal tells whether packets that left a pod of this node are for another one.
// That shows as soon as one arrives; where nothing comes back, others may have.
func (t *Table[P]) isLocal(c *Conn[P]) bool {
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		if c.sent[d] == 0 {
			continue
		}
		if c.delivered[d] > 0 || c.State == flow.Unanswered && t.behind[c.receiver(d)] != nil {
			return true
		}
	}
	return false
}

// settled: everything that left a pod arrived, but for what is known to be lost.
func (c *Conn[P]) settled() bool {
	return c.missing(0) == c.Undelivered[0] && c.missing(1) == c.Undelivered[1]
}

func (c *Conn[P]) missing(d flow.Direction) uint64 {
	if c.sent[d] <= c.delivered[d] {
		return 0
	}
	return c.sent[d] - c.delivered[d]
}

// Settle is called after each drain. It tells what was lost: packets that left
// a pod and were not handed to the other on the same node, where both sides are seen.
func (t *Table[P]) Settle(lost func(c *Conn[P], d flow.Direction, packets uint64)) {
	for c := range t.open {
		l := c.ledger
		if l.quiet++; l.touched {
			l.quiet, l.touched = 0, false
		}
		for d := range l.missing {
			l.missing[d][l.drains%settleDrains] = c.missing(flow.Direction(d))
		}
		if l.drains++; l.drains >= settleDrains {
			t.conclude(c, lost, func(d flow.Direction) uint64 { return least(l.missing[d]) })
		}
		if l.quiet >= settleDrains || c.settled() {
			c.ledger = nil
			delete(t.open, c)
		}
	}
}

// SettleAll is called after the last drain: nothing is on its way any more.
func (t *Table[P]) SettleAll(lost func(c *Conn[P], d flow.Direction, packets uint64)) {
	for c := range t.open {
		t.conclude(c, lost, c.missing)
	}
	clear(t.open)
}

func (t *Table[P]) conclude(c *Conn[P], lost func(*Conn[P], flow.Direction, uint64), missing func(flow.Direction) uint64) {
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		n := missing(d)
		if n <= c.Undelivered[d] || !t.bothSidesSeen(c, d) {
			continue
		}
		lost(c, d, n-c.Undelivered[d])
		c.Undelivered[d] = n
	}
}

// bothSidesSeen: the destination is behind a local veth, and since the
// connection began everything that was delivered there was seen.
func (t *Table[P]) bothSidesSeen(c *Conn[P], d flow.Direction) bool {
	i := t.behind[c.receiver(d)]
	return i != nil && c.Start > i.UnknownUntil && c.Start >= i.Began && c.fresh
}

// receiver is the address that packets of direction d carry when they arrive.
func (c *Conn[P]) receiver(d flow.Direction) flow.Addr {
	switch {
	case c.NAT == nil:
		return c.Key.Tuple(d).Dst
	case d == c.Initiator.Direction():
		return c.NAT.Reply.Src
	default:
		return c.NAT.Original.Src
	}
}

func least(values [settleDrains]uint64) uint64 {
	return min(values[0], values[1], values[2])
}
