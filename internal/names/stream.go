package names

import (
	"encoding/binary"
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	// maxKept is how much of a message is put together; it takes in the question and
	// the records that lead to addresses. The rest is skipped.
	maxKept = 4096
	// idleStream is after how long a stream's next segment is taken for a new one's.
	idleStream = flow.Nanos(time.Minute)
	// prefix is the length that stands before each message (RFC 1035, 4.2.2).
	prefix = 2
)

// stream is one direction of a TCP connection to port 53.
type stream struct {
	tuple  flow.Tuple
	next   uint32 // sequence number
	last   flow.Nanos
	buffer []byte // beginning of a message that is not complete, with its prefix
	skip   int    // bytes that are left of a message that was handed on
}

// streams are bounded in number; the one that was quiet for longest makes room.
type streams struct {
	arena[stream]
	limit int
	of    map[flow.Tuple]int32
	quiet fifo // longest first
}

func newStreams(limit int) streams {
	return streams{arena: newArena[stream](), limit: limit, of: map[flow.Tuple]int32{}}
}

// segment takes a TCP segment: several messages, or a part of one. A message begins
// where the one before it ended; where that is not known, at the next segment.
func (t *Transactions) segment(p *Packet) {
	length := p.length()
	if length == 0 {
		return
	}
	s := t.stream(p)
	payload := p.Payload
	skip, o := follow(s.next, p.Seq, length)
	switch o {
	case repeated:
		return
	case gap:
		t.count.Gaps++
		fallthrough
	case foreign:
		t.giveUp(s, p)
	case inOrder:
		payload = payload[min(skip, len(payload)):]
	}
	s.next = p.Seq + uint32(length)
	t.feed(s, p, payload, length-skip)
}

// feed takes what follows in the stream: length bytes, of which payload is the beginning.
func (t *Transactions) feed(s *stream, p *Packet, payload []byte, length int) {
	unseen := length - len(payload)
	for len(payload) > 0 {
		n := min(s.skip, len(payload))
		s.skip -= n
		payload = payload[n:]
		ok := true
		if end := wholeMessage(payload); len(s.buffer) == 0 && end > 0 {
			ok = t.message(p, payload[prefix:end], end-prefix, false)
			payload = payload[end:]
		} else {
			n := min(s.missing(), len(payload))
			s.buffer = append(s.buffer, payload[:n]...)
			payload = payload[n:]
			if s.missing() == 0 {
				ok = t.gathered(s, p)
			}
		}
		if !ok {
			s.buffer = s.buffer[:0]
			return // what follows is no better
		}
	}
	if unseen > 0 {
		t.passOver(s, p, unseen)
	}
}

// wholeMessage is where the message ends that payload begins with; 0 if not in it.
func wholeMessage(payload []byte) int {
	if len(payload) < prefix {
		return 0
	}
	end := prefix + int(binary.BigEndian.Uint16(payload))
	if end > len(payload) {
		return 0
	}
	return end
}

// missing is how many bytes the buffer lacks: of the prefix, then of what is kept
// of the message.
func (s *stream) missing() int {
	if len(s.buffer) < prefix {
		return prefix - len(s.buffer)
	}
	size := int(binary.BigEndian.Uint16(s.buffer))
	return min(prefix+max(size, headerLength), maxKept) - len(s.buffer)
}

// gathered takes the message in the buffer, which is skipped over if it is longer.
func (t *Transactions) gathered(s *stream, p *Packet) bool {
	size := int(binary.BigEndian.Uint16(s.buffer))
	s.skip = max(prefix+size-len(s.buffer), 0)
	ok := size >= headerLength && t.message(p, s.buffer[prefix:], size, s.skip > 0)
	if size < headerLength {
		t.count.Malformed++
	}
	s.buffer = s.buffer[:0]
	return ok
}

// passOver goes past bytes that are not in the sample.
func (t *Transactions) passOver(s *stream, p *Packet, unseen int) {
	if s.skip == 0 && len(s.buffer) >= prefix {
		s.skip = prefix + int(binary.BigEndian.Uint16(s.buffer)) - len(s.buffer)
		t.giveUpMessage(s, p)
	}
	s.buffer = s.buffer[:0]
	s.skip = max(s.skip-unseen, 0) // or lost in the unseen: the next segment shows
}

// giveUp ends what is under way: something is missing, or the connection is another.
func (t *Transactions) giveUp(s *stream, p *Packet) {
	t.giveUpMessage(s, p)
	s.buffer, s.skip = s.buffer[:0], 0
}

// giveUpMessage takes what is there of a message, for its question may be.
func (t *Transactions) giveUpMessage(s *stream, p *Packet) {
	if len(s.buffer) >= prefix+headerLength {
		t.message(p, s.buffer[prefix:], int(binary.BigEndian.Uint16(s.buffer)), true)
	}
}

// stream finds the segment's, or makes one.
func (t *Transactions) stream(p *Packet) *stream {
	x := &t.streams
	i, known := x.of[p.Tuple]
	if known {
		x.quiet.remove(x.links, i)
	} else {
		if len(x.of) >= x.limit {
			t.count.Evicted++
			x.remove(x.quiet.first)
		}
		i = x.take()
		x.items[i] = stream{tuple: p.Tuple, next: p.Seq}
		x.of[p.Tuple] = i
	}
	x.quiet.push(x.links, i)
	s := &x.items[i]
	s.last = p.At
	return s
}

func (x *streams) expire(now flow.Nanos) {
	for x.quiet.first != none && now-x.items[x.quiet.first].last >= idleStream {
		x.remove(x.quiet.first)
	}
}

func (x *streams) remove(i int32) {
	delete(x.of, x.items[i].tuple)
	x.quiet.remove(x.links, i)
	x.drop(i)
}
