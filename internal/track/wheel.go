package track

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// slotsInWheel seconds, a power of two: one revolution is longer than the
// longest timeout.
const slotsInWheel = 4096

// wheel holds each connection in the second in which to look at it next, so
// that an idle table costs nothing.
type wheel[P any] struct {
	slots [slotsInWheel]*Conn[P]
	now   int64 // second up to which was looked
}

func (w *wheel[P]) insert(c *Conn[P], second int64) {
	c.due = second + 1
	head := &w.slots[second&(slotsInWheel-1)]
	c.prev, c.next = nil, *head
	if *head != nil {
		(*head).prev = c
	}
	*head = c
}

func (w *wheel[P]) remove(c *Conn[P]) {
	if c.due == 0 {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.slots[(c.due-1)&(slotsInWheel-1)] = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next, c.due = nil, nil, 0
}

// timeout is how long a connection may be quiet.
func (t *Table[P]) timeout(c *Conn[P]) time.Duration {
	if c.Key.Proto != flow.TCP {
		return t.config.IdleTimeout
	}
	switch c.State {
	case flow.Closed:
		return closedTimeout
	case flow.Unanswered:
		return unansweredTimeout
	default:
		return quietTimeout
	}
}

// expires is when a connection ends if nothing more is seen of it.
func (t *Table[P]) expires(c *Conn[P]) flow.Nanos { return c.Last + flow.Nanos(t.timeout(c)) }

// reports is when the next event about it is due while it goes on.
func (t *Table[P]) reports(c *Conn[P]) flow.Nanos {
	return c.Logged + flow.Nanos(t.config.ActiveTimeout)
}

// schedule puts a connection where it must be looked at next.
func (t *Table[P]) schedule(c *Conn[P], now flow.Nanos) {
	t.wheel.remove(c)
	next := min(t.expires(c), t.reports(c))
	second := int64(next)/int64(time.Second) + 1
	first := max(int64(now)/int64(time.Second), t.wheel.now) + 1
	t.wheel.insert(c, min(max(second, first), first+slotsInWheel-2))
}

// Expire ends what has been quiet for too long, and calls active with what goes
// on and was not reported for the active timeout.
func (t *Table[P]) Expire(now flow.Nanos, active func(*Conn[P])) {
	second := int64(now) / int64(time.Second)
	if second-t.wheel.now > slotsInWheel {
		t.wheel.now = second - slotsInWheel // one revolution looks at all
	}
	for t.wheel.now < second {
		t.wheel.now++
		for c := t.wheel.slots[t.wheel.now&(slotsInWheel-1)]; c != nil; {
			next := c.next
			t.look(c, now, active)
			c = next
		}
	}
}

func (t *Table[P]) look(c *Conn[P], now flow.Nanos, active func(*Conn[P])) {
	if t.expires(c) <= now {
		t.end(c)
		return
	}
	if t.reports(c) <= now {
		active(c)
		c.Logged = now
	}
	t.schedule(c, now)
}
