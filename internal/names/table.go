package names

import (
	"hash/maphash"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	clientsShare = 8 // a client's questions take at most this part of the table
	sameKey      = 8 // questions at most with the same addresses, port and id
)

// key finds the transactions that an answer can be for; the question tells which.
type key struct {
	client, server flow.Addr
	port, id       uint16
	proto          uint8
}

func keyOf(t *flow.Tuple, id uint16, response bool) key {
	if response {
		return key{t.Dst, t.Src, t.DstPort, id, t.Proto}
	}
	return key{t.Src, t.Dst, t.SrcPort, id, t.Proto}
}

// state is where an entry stands. Each is in the list of that name.
type state uint8

const (
	unused   state = iota
	waiting        // for an answer
	held           // answered with NXDOMAIN; what the resolver does next is awaited
	answered       // past
	timedOut       // past
)

type entry struct {
	Transaction
	state   state
	since   flow.Nanos // held or past
	label   uint64     // hash of the client and the name's first label
	base    uint16     // how much of the name a search is for; 0 if unknown
	began   bool       // of a search that began with the name as it is
	other   int32      // next with the same key
	older   int32      // NXDOMAIN: with the same label
	younger int32      // likewise
}

// table holds a bounded number of transactions.
type table struct {
	arena[entry]
	seed    maphash.Seed
	limit   int
	keys    map[key]int32
	clients map[flow.Addr]int32 // questions that wait
	labels  map[uint64]int32    // last NXDOMAIN with that label, held or past
	waiting fifo                // in the order of their questions
	held    fifo                // in the order of since
	past    fifo
}

func newTable(limit int) table {
	return table{
		arena:   newArena[entry](),
		seed:    maphash.MakeSeed(),
		limit:   limit,
		keys:    map[key]int32{},
		clients: map[flow.Addr]int32{},
		labels:  map[uint64]int32{},
	}
}

// find looks for the transaction with the question that the reader read last.
func (t *table) find(k *key, r *reader) int32 {
	for i := t.keys[*k]; i != none; i = t.items[i].other {
		if e := &t.items[i]; e.Type == r.qtype && e.Class == r.class && e.Name == view(r.name) {
			return i
		}
	}
	return none
}

// only is the transaction that waits under that key, if there is just one.
func (t *table) only(k *key) (found int32) {
	for i := t.keys[*k]; i != none; i = t.items[i].other {
		if t.items[i].state != waiting {
			continue
		}
		if found != none {
			return none
		}
		found = i
	}
	return found
}

// room says why take gave none.
type room uint8

const (
	free    room = iota
	full         // the table
	crowded      // the key, or the client if there is no index
)

// take returns an unused entry. If too many have the same key it returns the
// one of them that asked first.
func (t *table) take(k *key) (int32, room) {
	if int(t.clients[k.client]) >= t.limit/clientsShare {
		return none, crowded
	}
	n, oldest := 0, none
	for i := t.keys[*k]; i != none; i = t.items[i].other {
		n, oldest = n+1, i
	}
	switch {
	case n >= sameKey:
		return oldest, crowded
	case t.waiting.length+t.held.length+t.past.length >= t.limit:
		return none, full
	default:
		return t.arena.take(), free
	}
}

// wait enters a question that was taken for k.
func (t *table) wait(i int32, k *key) {
	e := &t.items[i]
	e.state = waiting
	e.other = t.keys[*k]
	t.keys[*k] = i
	t.clients[k.client]++
	t.waiting.push(t.links, i)
}

// hold keeps an answered entry until it is known what the resolver does next.
func (t *table) hold(i int32, at flow.Nanos) {
	t.leave(i)
	e := &t.items[i]
	e.state, e.since = held, at
	t.held.push(t.links, i)
}

// pass keeps an entry that was handed over.
func (t *table) pass(i int32, s state, at flow.Nanos) {
	t.leave(i)
	e := &t.items[i]
	e.state, e.since = s, at
	t.past.push(t.links, i)
}

// remove forgets an entry.
func (t *table) remove(i int32) {
	t.leave(i)
	e := &t.items[i]
	if e.RCode == noName {
		t.unlabel(i)
	}
	k := key{e.Client, e.Server, e.ClientPort, e.ID, e.Transport}
	first := t.keys[k]
	switch {
	case first != i:
		p := &t.items[first].other
		for *p != i {
			p = &t.items[*p].other
		}
		*p = e.other
	case e.other != none:
		t.keys[k] = e.other
	default:
		delete(t.keys, k)
	}
	t.drop(i)
}

// leave takes an entry out of the list of its state.
func (t *table) leave(i int32) {
	e := &t.items[i]
	switch e.state {
	case waiting:
		t.waiting.remove(t.links, i)
		if n := t.clients[e.Client]; n > 1 {
			t.clients[e.Client] = n - 1
		} else {
			delete(t.clients, e.Client)
		}
	case held:
		t.held.remove(t.links, i)
	case answered, timedOut:
		t.past.remove(t.links, i)
	}
	e.state = unused
}
