package track

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// settleDrains is how many drains without a packet make a difference a loss: what
// passes the first hook before a swap and the second after it is on its way for
// microseconds, or as long as the node shapes it.
const settleDrains = 3

// onTheWay is how many packets of a connection that never pauses may be between the two hooks
// at each swap: a super-packet of 64 segments on each of 16 processors. Only what is missing
// beyond that is known to be lost before it pauses.
const onTheWay = 1024

// ledgersAtMost bounds the ledgers that are kept for use again.
const ledgersAtMost = 1024

// devicesAtMost bounds the local addresses that are remembered.
const devicesAtMost = 8192

// hereFor is how long nothing may be delivered to an address that is taken for one of
// this node: its pod may be gone, and the address elsewhere.
const hereFor = flow.Nanos(5 * time.Minute)

// device is what stands at an address: where the node delivered packets for it, and
// when last. What a pod claims as its own source is no evidence.
type device struct {
	at   *flow.Interface
	last flow.Nanos
}

type devices map[flow.Addr]*device

func (d devices) learn(a flow.Addr, i *flow.Interface) *device {
	if a.Netip().IsMulticast() {
		return nil // nobody is behind it, or many are
	}
	known := d[a]
	if known == nil {
		if len(d) >= devicesAtMost {
			clear(d) // deliveries will show those that are still there
		}
		known = &device{}
		d[a] = known
	}
	known.at = i
	return known
}

// Doubt tells the table that of what was delivered at an interface until now some may
// not have been counted.
func (t *Table[P]) Doubt(i *flow.Interface, now flow.Nanos) {
	if len(t.doubts) >= devicesAtMost {
		clear(t.doubts)
	}
	t.doubts[i] = now
}

// ledger follows packets that left a pod for another on this node until they were
// handed over, or are known to be lost.
type ledger struct {
	missing [2][settleDrains]uint64 // at the last drains
	drains  int
	quiet   int // drains without a new packet
	touched bool
}

// follow counts what a record says of packets between pods of this node.
func (t *Table[P]) follow(c *Conn[P], r *flow.Record, swapped bool, now flow.Nanos) {
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		from, to := &r.Dir[d], Of(d, swapped)
		if i := from.SentIf; i != nil && i.Role == flow.PodSide {
			c.sent[to] += from.Sent.Packets
		}
		if i := from.DeliveredIf; i != nil && i.Role == flow.PodSide {
			if c.delivered[to] == 0 {
				c.to[to] = t.behind.learn(r.Key.Tuple(d).Dst, i)
			}
			if c.to[to] != nil {
				c.to[to].last = now
			}
			c.delivered[to] += from.Delivered.Packets
		}
	}
	t.now = now
	if c.ledger == nil && t.mayLose(c) {
		c.ledger = t.newLedger()
		t.open[c] = struct{}{}
	}
	if c.ledger != nil {
		c.ledger.touched = true
	}
}

// mayLose tells whether a packet of the connection is missing, as far as that can be known.
func (t *Table[P]) mayLose(c *Conn[P]) bool {
	if !c.local {
		c.local = t.isLocal(c)
	}
	return c.local && !c.settled() && (t.bothSidesSeen(c, flow.AtoB) || t.bothSidesSeen(c, flow.BtoA))
}

func (t *Table[P]) newLedger() *ledger {
	last := len(t.ledgers) - 1
	if last < 0 {
		return &ledger{}
	}
	l := t.ledgers[last]
	t.ledgers = t.ledgers[:last]
	*l = ledger{}
	return l
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

// Settle is called after each drain and tells what was lost.
func (t *Table[P]) Settle() {
	for c := range t.open {
		l := c.ledger
		if l.quiet++; l.touched {
			l.quiet, l.touched = 0, false
		}
		for d := range l.missing {
			l.missing[d][l.drains%settleDrains] = c.missing(flow.Direction(d))
		}
		l.drains++
		switch {
		case l.quiet >= settleDrains:
			t.conclude(c, c.missing)
		case l.drains >= settleDrains:
			t.conclude(c, l.surelyMissing)
		}
		if l.quiet >= settleDrains || c.settled() {
			t.closeLedger(c)
		}
	}
}

// SettleAll is called in place of Settle after the last drain. What was delivered while
// hooks were taken off one after the other was not seen: only what was missing before counts.
func (t *Table[P]) SettleAll() {
	t.Settle()
	for c := range t.open {
		if c.ledger.quiet > 1 { // the last generation may be a short one
			t.conclude(c, c.missing)
		}
		t.closeLedger(c)
	}
}

// settleQuiet concludes about a connection that ends after at least one generation
// without a packet: nothing of it is on its way.
func (t *Table[P]) settleQuiet(c *Conn[P]) {
	if c.ledger != nil && c.ledger.quiet > 0 {
		t.conclude(c, c.missing)
	}
}

func (t *Table[P]) closeLedger(c *Conn[P]) {
	if len(t.ledgers) < ledgersAtMost {
		t.ledgers = append(t.ledgers, c.ledger)
	}
	c.ledger = nil
	delete(t.open, c)
}

func (t *Table[P]) conclude(c *Conn[P], missing func(flow.Direction) uint64) {
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		n := missing(d)
		if n <= c.Undelivered[d] || !t.bothSidesSeen(c, d) {
			continue
		}
		t.tell.Lost(c, d, n-c.Undelivered[d])
		c.Undelivered[d] = n
	}
}

// bothSidesSeen: the destination is behind a local veth, and since the
// connection began everything that was delivered there was seen.
func (t *Table[P]) bothSidesSeen(c *Conn[P], d flow.Direction) bool {
	to := t.behind[c.receiver(d)]
	if to == nil || t.now-to.last > hereFor || !c.fresh {
		return false
	}
	return c.Start > to.at.UnknownUntil && c.Start >= to.at.Began && c.Start > t.doubts[to.at]
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

// surelyMissing is what was missing at all of the last drains, whatever was on its way.
func (l *ledger) surelyMissing(d flow.Direction) uint64 {
	m := &l.missing[d]
	least := min(m[0], m[1], m[2])
	return least - min(least, onTheWay)
}
