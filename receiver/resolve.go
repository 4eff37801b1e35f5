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
// without a socket; and about what may have begun before the capture. Once is enough: what
// passed a hook is in conntrack by now.
func (d *data) translate(r *flow.Record) {
	if r.NAT != nil || r.Conntrack != flow.UnknownInitiator || d.questions == 0 {
		return
	}
	if r.Key.Proto != flow.TCP && r.Key.Proto != flow.UDP && r.Key.Proto != flow.SCTP {
		return
	}
	tuple, likely := suspect(r)
	if !likely {
		if !beganBefore(r, flow.Nanos(d.config.FlowLogs.IdleTimeout)) {
			return
		}
		tuple = r.Key.Tuple(r.First)
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
	if key, original := found.Original.Key(); key == r.Key {
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

// beganBefore tells whether a record may be of a connection that is older than the
// capture: TCP without a handshake, or the rest in the time in which a pause ends nothing.
func beganBefore(r *flow.Record, pause flow.Nanos) bool {
	if r.SYN != 0 || r.SYNACK != 0 {
		return false
	}
	at := seenAt(&r.Dir[r.First])
	return at != nil && at.Began != 0 && (r.Key.Proto == flow.TCP || r.Start-pause < at.Began)
}

// look updates what a record shows about the ends, and resolves them when that
// changed or was not done yet.
func (d *data) look(c *conn, r *flow.Record, swapped bool) {
	if changed := d.see(c, r, swapped); changed || !c.Resolved() {
		d.resolve(c, false)
	}
}

// see keeps what a record shows about the ends, and tells whether there is anything new.
func (d *data) see(c *conn, r *flow.Record, swapped bool) (changed bool) {
	p := &c.User
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		if at := &c.Interface[track.Of(dir, swapped)]; *at == nil {
			*at = seenAt(&r.Dir[dir])
		}
	}
	changed = c.NAT != p.nat || c.Claim != p.claim || c.Initiator != p.began
	for end, a := range [2]*flow.Addr{&c.Key.A, &c.Key.B} {
		if p.behind[end] {
			continue
		}
		if at := endBehind(c, r, end); at != nil {
			p.behind[end], changed = true, true
			d.pods.saw(*a, at)
		}
	}
	if c.NAT != nil && !p.backend {
		if at := seenBehind(r, c.NAT.Reply.Src); at != nil {
			p.backend, changed = true, true
			d.pods.saw(c.NAT.Reply.Src, at)
		}
	}
	return changed
}

// seenAt is where a direction was seen, at its source's side if it was.
func seenAt(c *flow.Counts) *flow.Interface {
	if c.SentIf != nil {
		return c.SentIf
	}
	return c.DeliveredIf
}

// endBehind is the pod's veth of this node at which a record shows an end: 0 for
// A, who sends in AtoB, 1 for B; nil if it does not.
func endBehind(c *conn, r *flow.Record, end int) *flow.Interface {
	if c.NAT != nil {
		return seenBehind(r, [2]flow.Addr{c.Key.A, c.Key.B}[end])
	}
	return podSide(r.Dir[end].SentIf, r.Dir[1-end].DeliveredIf)
}

// seenBehind is the pod's veth of this node at which a record shows an address.
func seenBehind(r *flow.Record, a flow.Addr) *flow.Interface {
	for _, dir := range []flow.Direction{flow.AtoB, flow.BtoA} {
		t, c := r.Key.Tuple(dir), &r.Dir[dir]
		var sends, receives *flow.Interface
		if t.Src == a {
			sends = c.SentIf
		}
		if t.Dst == a {
			receives = c.DeliveredIf
		}
		if at := podSide(sends, receives); at != nil {
			return at
		}
	}
	return nil
}

// podSide is the first of the interfaces that is a pod's.
func podSide(interfaces ...*flow.Interface) *flow.Interface {
	for _, i := range interfaces {
		if i != nil && i.Role == flow.PodSide {
			return i
		}
	}
	return nil
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
	p.provisional = waitA || waitB || waitBackend
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
	p.nat, p.claim, p.began = c.NAT, c.Claim, c.Initiator
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
