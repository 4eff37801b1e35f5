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
	to        [2]*device
	local     bool    // both sides of a direction are on this node
	ledger    *ledger // while packets between them are on their way, or lost

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
	tell   Told[P]
	keys   map[flow.Key]reference[P]
	free   *Conn[P]
	spare  Conn[P]
	made   int // connections allocated
	live   int // connections in use
	wheel  wheel[P]
	open   map[*Conn[P]]struct{} // those with a ledger
	behind devices
	doubts map[*flow.Interface]flow.Nanos
	now    flow.Nanos // of the last record

	ledgers []*ledger // free ones
}

// Told are the functions that a Table calls; none may call the Table.
type Told[P any] struct {
	// First gets a record whose key is not known, before it is used, so that conntrack
	// can be asked what else the connection is called.
	First func(*flow.Record)
	// Ended gets each connection that leaves the table. With into, it turned out to be part
	// of another: that one goes on, under the same directions or, if swapped, the others.
	Ended func(c, into *Conn[P], swapped bool)
	// Lost gets packets that left a pod and were not handed to the other on the same
	// node, where both sides are seen.
	Lost func(c *Conn[P], d flow.Direction, packets uint64)
}

// chunk is how many connections are allocated together.
const chunk = 1024

// New makes an empty table.
func New[P any](config Config, now flow.Nanos, tell Told[P]) *Table[P] {
	t := &Table[P]{
		config: config,
		tell:   tell,
		keys:   map[flow.Key]reference[P]{},
		open:   map[*Conn[P]]struct{}{},
		behind: devices{},
		doubts: map[*flow.Interface]flow.Nanos{},
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
	if known && t.over(ref, r, now) {
		t.end(ref.conn)
		known = false
	}
	if !known {
		t.tell.First(r)
	}
	if !known || r.NAT != nil && !ref.conn.translatedBy(r.NAT) {
		ref = t.locate(r, now)
	}
	if ref.conn == nil {
		return nil, false
	}
	wasClosed := ref.conn.State == flow.Closed
	ref.conn.add(r, ref.swapped, now)
	t.follow(ref.conn, r, ref.swapped, now)
	if ref.conn.State == flow.Closed && !wasClosed {
		t.schedule(ref.conn, now) // sooner than was planned
	}
	return ref.conn, ref.swapped
}

// Spare returns a connection that is not in the table, filled from one record: for
// what found no place. It is valid until the next call.
func (t *Table[P]) Spare(r *flow.Record, now flow.Nanos) (c *Conn[P], swapped bool) {
	key, swapped := logical(r)
	t.spare = Conn[P]{}
	t.spare.begin(key, r, swapped)
	if r.NAT != nil {
		t.spare.learn(r.NAT)
	}
	t.spare.add(r, swapped, now)
	return &t.spare, swapped
}

// over recognises a new connection under the tuple of an old one that nobody has looked
// at since it ended: it was quiet for its timeout, or a SYN comes after its end,
// or after its sender has acknowledged something, which no SYN of the same connection does.
func (t *Table[P]) over(ref reference[P], r *flow.Record, now flow.Nanos) bool {
	c := ref.conn
	if c.Last == now {
		return false // of this very generation, under another key
	}
	if r.Start > t.expires(c) {
		return true
	}
	return r.SYN > c.Last && (c.State == flow.Closed || c.Flags[Of(r.SYNDir, ref.swapped)]&flow.ACK != 0)
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
	t.settleQuiet(c)
	t.tell.Ended(c, nil, false)
	delete(t.keys, c.Key)
	if c.alias != (flow.Key{}) {
		delete(t.keys, c.alias)
	}
	t.forget(c)
}

// forget gives back a connection that no key leads to.
func (t *Table[P]) forget(c *Conn[P]) {
	if c.ledger != nil {
		t.closeLedger(c)
	}
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
