package track

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// logical is the key of the tuple that the initiator sent. swapped tells whether
// the record's AtoB is that key's BtoA. What conntrack says of something else is taken
// out of the record.
func logical(r *flow.Record) (key flow.Key, swapped bool) {
	if r.NAT == nil {
		return r.Key, false
	}
	key, _ = r.NAT.Original.Key()
	if key == r.Key {
		return key, false
	}
	if answers, swapped := answersOf(r.NAT); answers == r.Key {
		return key, swapped
	}
	r.NAT = nil
	return r.Key, false
}

// answersOf is the key of the translated side: of what answers carry before they are
// translated back. swapped tells whether its AtoB is the BtoA of the original's key.
func answersOf(n *flow.Translation) (key flow.Key, swapped bool) {
	_, forward := n.Original.Key()
	key, back := n.Reply.Key()
	return key, back != forward.Reverse()
}

// locate finds the connection that a record is of, or makes it, and takes over what
// conntrack says.
func (t *Table[P]) locate(r *flow.Record, now flow.Nanos) reference[P] {
	key, swapped := logical(r)
	ref, known := t.keys[key]
	if known && r.NAT != nil && ref.conn.Key != key {
		ref.conn.alias, known = flow.Key{}, false // its translated side ended: the tuple is a connection's own now
	}
	if !known {
		c := t.take()
		if c == nil {
			return t.keys[r.Key] // what is known by its translated side only stays so
		}
		c.begin(key, r, swapped)
		ref = reference[P]{c, false}
		t.keys[key] = ref
		t.schedule(c, now)
	}
	if r.NAT == nil {
		return ref
	}
	ref.conn.learn(r.NAT)
	alias := t.bind(ref.conn, r.Key, now)
	if key == r.Key {
		return ref
	}
	return alias
}

// bind lets the key of the translated side lead to the connection, too. What was
// known under that key becomes part of it; seen is the key of the record that told.
func (t *Table[P]) bind(c *Conn[P], seen flow.Key, now flow.Nanos) reference[P] {
	answers, swapped := answersOf(c.NAT)
	alias := reference[P]{c, swapped}
	if answers == c.Key {
		return alias
	}
	if c.alias != answers && c.alias != (flow.Key{}) {
		delete(t.keys, c.alias)
	}
	other := t.keys[answers].conn
	switch {
	case other == nil, other == c:
	case other.Key != answers:
		other.alias = flow.Key{} // the node's port went to another connection
	case seen == answers || other.Last >= c.Start:
		t.merge(other, c, swapped, now)
	default:
		t.end(other) // an older connection between the same two
	}
	c.alias = answers
	t.keys[answers] = alias
	return alias
}

// merge makes what was known under the translated key only part of the real connection.
func (t *Table[P]) merge(part, into *Conn[P], swapped bool, now flow.Nanos) {
	t.tell.Ended(part, into, swapped)
	into.absorb(part, swapped)
	t.forget(part)
	t.schedule(into, now)
}

// absorb takes over what was seen of a part.
func (c *Conn[P]) absorb(part *Conn[P], swapped bool) {
	c.Start = min(c.Start, part.Start)
	c.Logged = min(c.Logged, part.Logged)
	c.Last = max(c.Last, part.Last)
	c.fresh = c.fresh && part.fresh
	if c.Claim == flow.Unclaimed {
		c.Claim = part.Claim
	}
	for _, d := range []flow.Direction{flow.AtoB, flow.BtoA} {
		to := Of(d, swapped)
		c.Flags[to] |= part.Flags[d]
		c.Undelivered[to] += part.Undelivered[d]
		c.seen[to] = c.seen[to] || part.seen[d]
		c.finished[to] = c.finished[to] || part.finished[d]
		c.sent[to] += part.sent[d]
		c.delivered[to] += part.delivered[d]
		if c.to[to] == nil {
			c.to[to] = part.to[d]
		}
	}
	c.proceed(part.State == flow.Closed)
}
