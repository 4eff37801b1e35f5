package names

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// slowKey is what is compared of a transaction.
type slowKey struct {
	port, id    uint16
	name        string
	asked       flow.Nanos
	duration    flow.Nanos
	timedOut    bool
	retransmits uint32
}

// slowMatcher is the reference for Transactions.
type slowMatcher struct{ waiting, ended []slowKey }

const slowTimeout = 5 * second

func (s *slowMatcher) find(q *Packet, id uint16, name string) int {
	for i, w := range s.waiting {
		if w.port == q.Tuple.SrcPort && w.id == id && w.name == name {
			return i
		}
	}
	return -1
}

func (s *slowMatcher) ask(q *Packet, id uint16, name string) {
	s.expire(q.At)
	if i := s.find(q, id, name); i >= 0 {
		s.waiting[i].retransmits++
		return
	}
	s.waiting = append(s.waiting, slowKey{port: q.Tuple.SrcPort, id: id, name: name, asked: q.At})
}

func (s *slowMatcher) answer(q *Packet, id uint16, name string) {
	s.expire(q.At)
	if i := s.find(q, id, name); i >= 0 {
		s.waiting[i].duration = q.At - s.waiting[i].asked
		s.end(i)
	}
}

func (s *slowMatcher) expire(now flow.Nanos) {
	for i := 0; i < len(s.waiting); {
		if now-s.waiting[i].asked < slowTimeout {
			i++
			continue
		}
		s.waiting[i].duration, s.waiting[i].timedOut = slowTimeout, true
		s.end(i)
	}
}

func (s *slowMatcher) end(i int) {
	s.ended = append(s.ended, s.waiting[i])
	s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
}
