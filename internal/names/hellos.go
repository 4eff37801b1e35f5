package names

import (
	"slices"
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Ending says why there is no more of a ClientHello.
type Ending uint8

const (
	Whole   Ending = iota
	Sampled        // the samples end before it
	Gap            // a segment is missing or out of order
	TooLong        // more than 16 KiB, or more than four QUIC datagrams
	Quiet          // the rest did not come
	NoRoom         // too many others were under way
)

// Hello is a ClientHello that a connection began with.
type Hello struct {
	Tuple     flow.Tuple // as the client sends; UDP: QUIC
	At        flow.Nanos // of its first packet
	Interface *flow.Interface
	ClientHello
	// Ending, if not Whole, says why not all of it was read. What was found is right, what is empty may be missing.
	Ending Ending
}

// HelloCounters say what became of the packets.
type HelloCounters struct {
	Hellos      uint64 // handed over
	Partial     uint64 // of these: not whole
	NotHello    uint64 // packets that begin no ClientHello, or a broken one
	Undecrypted uint64 // QUIC packets of a known version that are no client's Initial
	Evicted     uint64 // given up for want of room
}

// idleHello is how long the next part of a ClientHello can take.
const idleHello = flow.Nanos(10 * time.Second)

// handshake is a ClientHello that is not complete.
type handshake struct {
	tuple   flow.Tuple
	at      flow.Nanos
	iface   *flow.Interface
	next    uint32 // TCP: sequence number
	records records
	initial *initial // QUIC
}

// Hellos finds the ClientHello in packets of the direction in which clients send:
// the first bytes of TCP connections in order, and QUIC's first datagrams. A
// connection whose packets are repeated after its ClientHello is handed over twice.
type Hellos struct {
	arena[handshake]
	limit   int
	done    func(*Hello)
	of      map[flow.Tuple]int32
	oldest  fifo
	count   HelloCounters
	scratch handshake
	flight  initial
	opener  opener
	hello   Hello
}

// NewHellos makes one without connections. done must not keep the Hello, nor call back;
// the strings stay.
func NewHellos(config TLSConfig, done func(*Hello)) *Hellos {
	return &Hellos{
		arena: newArena[handshake](),
		limit: config.MaxHandshakes,
		done:  done,
		of:    map[flow.Tuple]int32{},
	}
}

// Counters are those since the beginning.
func (h *Hellos) Counters() HelloCounters { return h.count }

// Len is the number of connections whose ClientHello is not complete.
func (h *Hellos) Len() int { return h.oldest.length }

// Observe takes a packet with payload that a client sent.
func (h *Hellos) Observe(p *Packet) {
	switch {
	case p.length() == 0:
	case p.Tuple.Proto == flow.TCP:
		h.segment(p)
	default:
		h.datagram(p)
	}
}

// Expire gives up what has waited for too long.
func (h *Hellos) Expire(now flow.Nanos) {
	for i := h.oldest.first; i != none && now-h.items[i].at >= idleHello; i = h.oldest.first {
		h.end(i, Quiet)
	}
}

// Close gives up all that waits.
func (h *Hellos) Close() {
	for h.oldest.first != none {
		h.end(h.oldest.first, Quiet)
	}
}

func (h *Hellos) segment(p *Packet) {
	i, known := h.of[p.Tuple]
	if !known {
		h.begin(p)
		return
	}
	s := &h.items[i]
	skip, o := follow(s.next, p.Seq, p.length())
	switch o {
	case repeated:
	case gap:
		h.end(i, Gap)
	case foreign:
		h.end(i, Gap)
		h.begin(p)
	case inOrder:
		s.next = p.Seq + uint32(p.length())
		whole, err := s.records.feed(p.Payload[min(skip, len(p.Payload)):])
		if ending, over := endingOf(whole, err, p.cut()); over {
			h.end(i, ending)
		}
	}
}

// begin takes the first segment of a connection. Most have the whole ClientHello.
func (h *Hellos) begin(p *Packet) {
	s := &h.scratch
	s.records.reset()
	*s = handshake{tuple: p.Tuple, at: p.At, iface: p.Interface, next: p.Seq + uint32(p.length()), records: s.records}
	whole, err := s.records.feed(p.Payload)
	if err == ErrNotHello {
		h.count.NotHello++
		return
	}
	if ending, over := endingOf(whole, err, p.cut()); over {
		h.report(s, s.records.message, ending)
		return
	}
	i := h.keep(s)
	h.items[i].records.header = slices.Clone(s.records.header)
	h.items[i].records.message = slices.Clone(s.records.message)
}

// keep makes a copy of s wait for more.
func (h *Hellos) keep(s *handshake) int32 {
	if h.oldest.length >= h.limit {
		h.count.Evicted++
		h.end(h.oldest.first, NoRoom)
	}
	i := h.take()
	h.items[i] = *s
	h.of[s.tuple] = i
	h.oldest.push(h.links, i)
	return i
}

func endingOf(whole bool, err error, cut bool) (e Ending, over bool) {
	switch {
	case whole:
		return Whole, true
	case err == errTooLong:
		return TooLong, true
	case err != nil:
		return Gap, true // it began as one: what follows is of something else
	}
	return Sampled, cut
}

// end hands over what there is of a ClientHello.
func (h *Hellos) end(i int32, e Ending) {
	s := h.items[i]
	delete(h.of, s.tuple)
	h.oldest.remove(h.links, i)
	h.drop(i)
	message := s.records.message
	if s.initial != nil {
		message = s.initial.crypto.prefix()
	}
	h.report(&s, message, e)
}

func (h *Hellos) report(s *handshake, message []byte, e Ending) {
	hello, err := ParseClientHello(message)
	if err == ErrNotHello {
		h.count.NotHello++
		return
	}
	h.count.Hellos++
	if e != Whole {
		h.count.Partial++
	}
	h.hello = Hello{Tuple: s.tuple, At: s.at, Interface: s.iface, ClientHello: hello, Ending: e}
	h.done(&h.hello)
}
