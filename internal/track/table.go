package track

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Conn is a connection in the table, with what the table's user keeps about it.
type Conn[P any] struct {
	flow.Connection
	User P

	seen      [2]bool   // packets in that direction, ever
	finished  [2]bool   // FIN in that direction
	fresh     bool      // everything since its first packet was seen
	sent      [2]uint64 // packets that left a pod of this node
	delivered [2]uint64 // packets that were handed to a pod of this node
	local     bool      // both sides of a direction are on this node
	ledger    *ledger   // while packets between them are on their way, or lost

	alias      flow.Key // the translated key that leads here, too
	due        int64    // second of the wheel's next look, plus one; 0: not in the wheel
	next, prev *Conn[P]
}

// reference leads from a key that was seen to a connection.
type reference[P any] struct {
	conn    *Conn[P]
	swapped bool // the key's direction AtoB is the connection's BtoA
}

// Table holds the connections of the node. It is for one goroutine.
type Table[P any] struct {
	config Config
	first  func(*flow.Record)
	ended  Ended[P]
	keys   map[flow.Key]reference[P]
	free   *Conn[P]
	made   int // connections allocated
	live   int // connections in use
	wheel  wheel[P]
	open   map[*Conn[P]]struct{} // those with a ledger
	behind devices
}

// Ended is told of each connection that leaves the table. With into, it turned out to be
// part of another: that one goes on, under the same directions or, if swapped, the others.
type Ended[P any] func(c, into *Conn[P], swapped bool)

// chunk is how many connections are allocated together.
const chunk = 1024

// New makes an empty table. It calls first with a record whose key it does not
// know, so that conntrack can be asked what else the connection is called.
func New[P any](config Config, now flow.Nanos, first func(*flow.Record), ended Ended[P]) *Table[P] {
	t := &Table[P]{
		config: config,
		first:  first,
		ended:  ended,
		keys:   map[flow.Key]reference[P]{},
		open:   map[*Conn[P]]struct{}{},
		behind: devices{},
	}
	t.wheel.now = int64(now) / int64(time.Second)
	return t
}

// Len is the number of connections.
func (t *Table[P]) Len() int { return t.live }

// Update adds a record to its connection, at the end of the generation that it is
// from. It returns the connection, and whether the record's AtoB is the
// connection's BtoA; nil if the table is full.
func (t *Table[P]) Update(r *flow.Record, now flow.Nanos) (c *Conn[P], swapped bool) {
	ref, known := t.keys[r.Key]
	if known && ref.conn.reused(r) {
		t.end(ref.conn)
		known = false
	}
	switch {
	case !known:
		t.first(r)
		ref = t.insert(r, now)
	case r.NAT != nil && ref.conn.NAT == nil:
		ref = t.translate(ref, r, now)
	}
	if ref.conn == nil {
		return nil, false
	}
	wasClosed := ref.conn.State == flow.Closed
	ref.conn.add(r, ref.swapped, now)
	t.follow(ref.conn, r, ref.swapped)
	if ref.conn.State == flow.Closed && !wasClosed {
		t.schedule(ref.conn, now) // sooner than was planned
	}
	return ref.conn, ref.swapped
}

// insert makes a connection for a record whose key is not known, or finds the
// one that it is the translated side of.
func (t *Table[P]) insert(r *flow.Record, now flow.Nanos) reference[P] {
	key, swapped := logical(r)
	ref, known := t.keys[key]
	if !known {
		c := t.take()
		if c == nil {
			return reference[P]{}
		}
		c.begin(key, r, swapped)
		ref = reference[P]{c, false}
		t.keys[key] = ref
		t.schedule(c, now)
	}
	if key == r.Key {
		return ref
	}
	ref.conn.learn(r.NAT)
	alias := reference[P]{ref.conn, swapped != ref.swapped}
	if old := ref.conn.alias; old != (flow.Key{}) {
		delete(t.keys, old)
	}
	ref.conn.alias = r.Key
	t.keys[r.Key] = alias
	return alias
}

// translate is told late that a connection is translated. One that was known
// under its translated key only becomes part of the real one.
func (t *Table[P]) translate(ref reference[P], r *flow.Record, now flow.Nanos) reference[P] {
	key, _ := logical(r)
	if key == r.Key {
		ref.conn.learn(r.NAT)
		return ref
	}
	delete(t.keys, r.Key)
	real := t.insert(r, now)
	if real.conn == nil {
		t.keys[r.Key] = ref
		return ref
	}
	t.ended(ref.conn, real.conn, real.swapped)
	t.forget(ref.conn)
	return real
}

// take returns an empty connection, nil if there are too many.
func (t *Table[P]) take() *Conn[P] {
	if t.live >= t.config.Capacity {
		return nil
	}
	if t.free == nil {
		block := make([]Conn[P], min(chunk, t.config.Capacity-t.made))
		t.made += len(block)
		for i := range block {
			block[i].next = t.free
			t.free = &block[i]
		}
	}
	c := t.free
	t.free = c.next
	*c = Conn[P]{}
	t.live++
	return c
}

// end hands a connection to the table's user for the last time.
func (t *Table[P]) end(c *Conn[P]) {
	t.ended(c, nil, false)
	delete(t.keys, c.Key)
	if c.alias != (flow.Key{}) {
		delete(t.keys, c.alias)
	}
	t.forget(c)
}

// forget gives back a connection that no key leads to.
func (t *Table[P]) forget(c *Conn[P]) {
	delete(t.open, c)
	t.wheel.remove(c)
	*c = Conn[P]{next: t.free}
	t.free = c
	t.live--
}

// Close ends all connections.
func (t *Table[P]) Close() {
	for key, ref := range t.keys {
		if key == ref.conn.Key {
			t.end(ref.conn)
		}
	}
}

// logical is the key of the tuple that the initiator sent. swapped tells whether
// the record's AtoB is that key's BtoA.
func logical(r *flow.Record) (key flow.Key, swapped bool) {
	if r.NAT == nil {
		return r.Key, false
	}
	key, forward := r.NAT.Original.Key()
	if key == r.Key {
		return key, false
	}
	answers, d := r.NAT.Reply.Key()
	if answers != r.Key {
		return r.Key, false // conntrack speaks of something else
	}
	return key, d != forward.Reverse()
}

// keep copies what the record's owner will reuse.
func keep(n *flow.Translation) *flow.Translation {
	copied := *n
	return &copied
}
