//go:build linux

package receiver

import (
	"time"

	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/reporter"
	"github.com/ebpfnet/ebpfnetreceiver/internal/track"
)

const (
	// patience is how long an address of the cluster waits for its object.
	patience = flow.Nanos(5 * time.Second)

	// questionsPerDrain bounds what conntrack is asked by netlink, some 15 µs each.
	questionsPerDrain = 1000
)

// held is what was counted of a connection whose ends are not known yet.
type held [2]reporter.Counts

// translate asks conntrack by netlink about a connection that is new, where the
// programs could not and a translation is likely: packets were handed to a pod
// that the sender's veth did not see under that name, or carry the node's address
// without a socket. Once is enough: what passed a hook is in conntrack by now.
func (d *data) translate(r *flow.Record) {
	if r.NAT != nil || r.Conntrack != flow.UnknownInitiator || d.questions == 0 {
		return
	}
	if r.Key.Proto != flow.TCP && r.Key.Proto != flow.UDP && r.Key.Proto != flow.SCTP {
		return
	}
	tuple, likely := suspect(r)
	if !likely {
		return
	}
	d.questions--
	found, err := d.capture.Translation(tuple)
	if err != nil {
		d.telemetry.failed("conntrack")
		d.logger.Debug("conntrack not asked any more in this drain", zap.Error(err))
		d.questions = 0
		return
	}
	if found == nil {
		return
	}
	if found.Translated() {
		r.NAT = found
	}
	_, original := found.Original.Key()
	if key, _ := found.Original.Key(); key == r.Key {
		r.Conntrack = flow.Initiator(original) + flow.InitiatorA
	}
}

// suspect picks the tuple of a record, as conntrack knows it, that is likely to be translated.
func suspect(r *flow.Record) (t flow.Tuple, likely bool) {
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		c := &r.Dir[dir]
		switch {
		case c.Delivered.Packets > 0 && c.Sent.Packets == 0 && c.DeliveredIf.Role == flow.PodSide:
			return r.Key.Tuple(dir).Reverse(), true
		case c.Sent.Packets > 0 && c.SentIf.Role == flow.Uplink && r.Claim != flow.OwnSocket:
			return r.Key.Tuple(dir).Reverse(), true
		case c.Delivered.Packets > 0 && c.DeliveredIf.Role == flow.Uplink && r.Claim != flow.OwnSocket:
			return r.Key.Tuple(dir), true
		}
	}
	return t, false
}

// look updates what a record shows about the ends, and resolves them when that
// changed or was not done yet.
func (d *data) look(c *conn, r *flow.Record, swapped bool) {
	p := &c.User
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		if at := &c.Interface[track.Of(dir, swapped)]; *at == nil {
			*at = seenAt(&r.Dir[dir])
		}
	}
	changed := c.NAT != p.nat || c.Claim != p.claim
	for end := range p.behind {
		if !p.behind[end] && endBehind(c, r, end) {
			p.behind[end], changed = true, true
		}
	}
	if c.NAT != nil && !p.backend && seenBehind(r, c.NAT.Reply.Src) {
		p.backend, changed = true, true
	}
	if changed || !c.Resolved() {
		d.resolve(c, false)
	}
}

// seenAt is where a direction was seen, at its source's side if it was.
func seenAt(c *flow.Counts) *flow.Interface {
	if c.SentIf != nil {
		return c.SentIf
	}
	return c.DeliveredIf
}

// endBehind tells whether a record shows an end at a pod's veth of this node: 0 for
// A, who sends in AtoB, 1 for B.
func endBehind(c *conn, r *flow.Record, end int) bool {
	if c.NAT != nil {
		return seenBehind(r, [2]flow.Addr{c.Key.A, c.Key.B}[end])
	}
	sends, receives := r.Dir[end].SentIf, r.Dir[1-end].DeliveredIf
	return sends != nil && sends.Role == flow.PodSide || receives != nil && receives.Role == flow.PodSide
}

// seenBehind tells whether a record shows an address at a pod's veth of this node.
func seenBehind(r *flow.Record, a flow.Addr) bool {
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		t, c := r.Key.Tuple(dir), &r.Dir[dir]
		if t.Src == a && c.SentIf != nil && c.SentIf.Role == flow.PodSide {
			return true
		}
		if t.Dst == a && c.DeliveredIf != nil && c.DeliveredIf.Role == flow.PodSide {
			return true
		}
	}
	return false
}

// resolve finds out who stands behind the addresses. If the cluster may know more soon, it
// waits, unless the ends were known before or it is final.
func (d *data) resolve(c *conn, final bool) {
	p := &c.User
	a, waitA := d.resolver.Resolve(c.Key.A, c.Start, p.behind[0])
	b, waitB := d.resolver.Resolve(c.Key.B, c.Start, p.behind[1])
	backend, waitBackend := (*flow.Endpoint)(nil), false
	if c.NAT != nil && c.NAT.Reply.Src != c.Key.Tuple(c.Initiator.Direction()).Dst {
		backend, waitBackend = d.resolver.Resolve(c.NAT.Reply.Src, c.Start, p.backend)
	}
	if (waitA || waitB || waitBackend) && !final && !c.Resolved() {
		if _, waits := d.waiting[c]; !waits {
			d.waiting[c] = d.now + patience
		}
		return
	}
	c.Ends = [2]*flow.Endpoint{a, b}
	c.Backend = backend
	d.decide(c)
	if p.held != nil {
		counts := *p.held
		p.held = nil
		d.count(c, (*[2]reporter.Counts)(&counts))
	}
	delete(d.waiting, c)
}

// decide asks the reporter, and forgets the series that were found before.
func (d *data) decide(c *conn) {
	p := &c.User
	p.nat, p.claim = c.NAT, c.Claim
	for dir := range p.verdicts {
		l := flow.Direction(dir)
		p.verdicts[dir] = reporter.Decide(d.config.Reporter, c.Src(l), c.Dst(l), c.Nameless())
		p.rows[dir] = [len(p.rows[dir])]*series{}
	}
	p.received = nil
}

// hold keeps counts until the ends are known.
func (d *data) hold(c *conn, counts *[2]reporter.Counts) {
	if c.User.held == nil {
		c.User.held = &held{}
	}
	for dir := range counts {
		for place := range counts[dir] {
			c.User.held[dir][place].Add(counts[dir][place])
		}
	}
}

// retryWaiting resolves what has become known, or has waited long enough.
func (d *data) retryWaiting() {
	for c, until := range d.waiting {
		d.resolve(c, d.now >= until)
	}
}

// giveUpWaiting resolves all with what is known.
func (d *data) giveUpWaiting() {
	for c := range d.waiting {
		d.resolve(c, true)
	}
}
