package names

import "slices"

const (
	maxDatagrams = 4    // that one ClientHello is put together from
	maxPieces    = 32   // of it that do not touch; clients scatter it on purpose
	minDatagram  = 1200 // bytes, that clients fill up to (RFC 9000, 14.1)
)

// initial is the first flight of a QUIC client whose ClientHello is not complete.
type initial struct {
	keys      keys
	datagrams int
	crypto    scattered
}

// datagram takes a datagram to a QUIC server.
func (h *Hellos) datagram(p *Packet) {
	if p.length() < minDatagram {
		h.count.NotHello++
		return
	}
	i, known := h.of[p.Tuple]
	if !known {
		h.beginFlight(p)
		return
	}
	f := h.items[i].initial
	f.datagrams++
	h.opener.open(p.Payload, p.length(), &f.keys, &f.crypto)
	if ending, over := f.ending(p.cut()); over {
		h.end(i, ending)
	}
}

func (h *Hellos) beginFlight(p *Packet) {
	h.flight = initial{datagrams: 1}
	f := &h.flight
	switch err := h.opener.open(p.Payload, p.length(), &f.keys, &f.crypto); {
	case err == ErrNotHello:
		h.count.NotHello++
		return
	case err != nil:
		h.count.Undecrypted++
		return
	}
	s := handshake{tuple: p.Tuple, at: p.At, iface: p.Interface}
	if ending, over := f.ending(p.cut()); over {
		h.report(&s, f.crypto.prefix(), ending)
		return
	}
	kept := *f
	s.initial = &kept
	h.keep(&s)
}

func (f *initial) ending(cut bool) (e Ending, over bool) {
	message := f.crypto.prefix()
	switch {
	case len(message) >= helloHeader && len(message) >= helloSize(message):
		return Whole, true
	case f.crypto.full || f.datagrams >= maxDatagrams:
		return TooLong, true
	}
	return Sampled, cut
}

// scattered puts a byte stream together whose pieces come in any order.
type scattered struct {
	bytes []byte
	have  []piece // sorted, apart
	full  bool    // some of it did not fit
}

type piece struct{ from, to int }

// add takes b at an offset of the stream.
func (s *scattered) add(offset int, b []byte) {
	end := offset + len(b)
	if end > maxHello || len(s.have) >= maxPieces {
		s.full = true
		return
	}
	if len(s.bytes) < end {
		s.bytes = append(s.bytes, make([]byte, end-len(s.bytes))...)
	}
	copy(s.bytes[offset:], b)
	at, _ := slices.BinarySearchFunc(s.have, offset, func(p piece, from int) int { return p.from - from })
	s.have = slices.Insert(s.have, at, piece{offset, end})
	joined := s.have[:1]
	for _, p := range s.have[1:] {
		if last := &joined[len(joined)-1]; p.from <= last.to {
			last.to = max(last.to, p.to)
		} else {
			joined = append(joined, p)
		}
	}
	s.have = joined
}

// prefix is what there is from the beginning on.
func (s *scattered) prefix() []byte {
	if len(s.have) == 0 || s.have[0].from > 0 {
		return nil
	}
	return s.bytes[:s.have[0].to]
}
