package track

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// begin fills a new connection from its first record.
func (c *Conn[P]) begin(key flow.Key, r *flow.Record, swapped bool) {
	c.Key = key
	c.Start = r.Start
	c.Logged = r.Start
	c.fresh = seenFromTheStart(r)
	c.Initiator = whoBegan(r, swapped, c.fresh)
}

// translatedBy tells whether the connection is known to be translated so.
func (c *Conn[P]) translatedBy(n *flow.Translation) bool { return c.NAT != nil && *c.NAT == *n }

// learn takes over what conntrack says of the connection's key; it knows who began.
func (c *Conn[P]) learn(n *flow.Translation) {
	if !c.translatedBy(n) {
		copied := *n // the record's owner will reuse it
		c.NAT = &copied
	}
	_, d := n.Original.Key()
	c.Initiator = initiatorOf(d, false)
}

// olderThan is how long a flow without handshake may be silent when the capture
// begins and still be taken for an old one: what is seen first after that begins then.
const olderThan = flow.Nanos(time.Second)

// seenFromTheStart tells whether the record has the connection's first packet: it
// is a SYN, or an earlier one would have been seen.
func seenFromTheStart(r *flow.Record) bool {
	first := &r.Dir[r.First]
	at := first.SentIf
	if at == nil {
		at = first.DeliveredIf
	}
	return r.SYN != 0 || at != nil && (at.Began == 0 || r.Start-olderThan >= at.Began)
}

// whoBegan never guesses: a handshake shows it, conntrack knows it, or, but for
// TCP, the first packet of all tells.
func whoBegan(r *flow.Record, swapped, fresh bool) flow.Initiator {
	switch {
	case r.SYN != 0 || r.SYNACK != 0:
		return initiatorOf(r.SYNDir, swapped)
	case r.Conntrack != flow.UnknownInitiator:
		return initiatorOf(r.Conntrack.Direction(), swapped)
	case r.Key.Proto != flow.TCP && fresh && r.Start != 0:
		return initiatorOf(r.First, swapped)
	}
	return flow.UnknownInitiator
}

func initiatorOf(d flow.Direction, swapped bool) flow.Initiator {
	if d == flow.AtoB != swapped {
		return flow.InitiatorA
	}
	return flow.InitiatorB
}

// Of is the connection's direction for a record's.
func Of(d flow.Direction, swapped bool) flow.Direction {
	if swapped {
		return d.Reverse()
	}
	return d
}

// add takes over what the record says.
func (c *Conn[P]) add(r *flow.Record, swapped bool, now flow.Nanos) {
	c.Last = now
	if r.Start != 0 && r.Start < c.Start {
		c.Start = r.Start
	}
	if c.Claim == flow.Unclaimed {
		c.Claim = r.Claim
	}
	if c.Initiator == flow.UnknownInitiator {
		c.Initiator = whoBegan(r, swapped, false)
	}
	reset := false
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		from, to := &r.Dir[d], Of(d, swapped)
		if from.Sent.Packets == 0 && from.Delivered.Packets == 0 {
			continue
		}
		c.seen[to] = true
		c.Flags[to] |= from.Flags
		c.DSCP[to] = from.DSCP
		c.finished[to] = c.finished[to] || from.FINs > 0
		reset = reset || from.RSTs > 0
	}
	c.proceed(reset)
}

// proceed moves the state forward; it never goes back.
func (c *Conn[P]) proceed(reset bool) {
	switch {
	case reset, c.finished[0] && c.finished[1]:
		c.State = flow.Closed
	case c.seen[0] && c.seen[1] && c.State == flow.Unanswered:
		c.State = flow.Open
	}
}
