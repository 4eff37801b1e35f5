package track

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// scanned is a connection of the reference: a plain list that is looked through
// from its beginning whenever somebody asks.
type scanned struct {
	tcp     bool
	state   flow.State
	last    flow.Nanos
	logged  flow.Nanos
	planned flow.Nanos // when the table decided when to look
	seen    [2]bool
	fins    [2]bool
}

func (s *scanned) expires() flow.Nanos {
	switch {
	case !s.tcp:
		return s.last + 30*second
	case s.state == flow.Closed:
		return s.last + 5*second
	case s.state == flow.Unanswered:
		return s.last + 130*second
	default:
		return s.last + flow.Nanos(time.Hour)
	}
}

// reference is slow and obvious.
type scan struct {
	t     *testing.T
	conns map[flow.Key]*scanned
}

// TestWheelAgainstAScan plays random schedules, with pauses and jumps, and checks each end and
// each report of the table against the scan: never early, and late by a second at most.
func TestWheelAgainstAScan(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playRandomly(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func playRandomly(t *testing.T, random *rand.Rand) {
	r := newRig(t, 64)
	oracle := scan{t, map[flow.Key]*scanned{}}
	now := at(0)
	for range 600 {
		from := now
		now += pause(random)
		r.now = now
		for range random.IntN(6) {
			b := someRecord(random, from+1+flow.Nanos(random.Int64N(int64(now-from))))
			before := len(r.ended)
			c, _ := r.table.Update(&b.Record, now)
			oracle.ended(r.ended[before:], b.Start)
			if c == nil {
				require.Equal(t, 64, r.table.Len())
				continue
			}
			oracle.update(b, now)
		}
		before, reported := len(r.ended), len(r.active)
		r.table.Settle()
		r.table.Expire(now, func(c *Conn[int]) { r.active = append(r.active, note{key: c.Key}) })
		oracle.ended(r.ended[before:], now)
		oracle.reported(r.active[reported:], now)
		oracle.nothingForgotten(now)
		require.Len(t, oracle.conns, r.table.Len())
	}
	r.table.Close()
	r.requireEmpty(t)
}

// pause is mostly a second, sometimes minutes, and now and then longer than the wheel.
func pause(random *rand.Rand) flow.Nanos {
	switch random.IntN(40) {
	case 0:
		return flow.Nanos(random.Int64N(int64(3 * time.Hour)))
	case 1, 2:
		return flow.Nanos(random.Int64N(int64(5 * time.Minute)))
	default:
		return 1 + flow.Nanos(random.Int64N(int64(2*time.Second)))
	}
}

func someRecord(random *rand.Rand, start flow.Nanos) *builder {
	peer := fmt.Sprintf("198.18.1.%d:1", random.IntN(100))
	if random.IntN(2) == 0 {
		b := udp(client, peer, start).sends(1, 0, nil)
		if random.IntN(2) == 0 {
			b.gets(1, 0, nil)
		}
		return b
	}
	b := tcp(client, peer, start)
	for _, side := range []func(uint64, uint8, *flow.Interface) *builder{b.sends, b.gets} {
		switch random.IntN(8) {
		case 0:
			side(1, flow.FIN|flow.ACK, nil)
		case 1:
			side(1, flow.RST, nil)
		case 2, 3:
		default:
			side(1, flow.ACK, nil)
		}
	}
	if b.Dir[0].Sent.Packets+b.Dir[1].Sent.Packets == 0 {
		b.sends(1, flow.ACK, nil)
	}
	return b
}

func (s *scan) update(b *builder, now flow.Nanos) {
	c := s.conns[b.Key]
	if c == nil {
		c = &scanned{tcp: b.Key.Proto == flow.TCP, logged: b.Start, planned: now}
		s.conns[b.Key] = c
	}
	c.last = now
	reset := false
	for d := range b.Dir {
		c.seen[d] = c.seen[d] || b.Dir[d].Sent.Packets > 0
		c.fins[d] = c.fins[d] || b.Dir[d].FINs > 0
		reset = reset || b.Dir[d].RSTs > 0
	}
	switch {
	case c.state == flow.Closed:
	case reset || c.fins[0] && c.fins[1]:
		c.state, c.planned = flow.Closed, now
	case c.state == flow.Unanswered && c.seen[0] && c.seen[1]:
		c.state = flow.Open
	}
}

func (s *scan) ended(notes []note, by flow.Nanos) {
	for _, n := range notes {
		c := s.conns[n.key]
		require.NotNil(s.t, c)
		require.LessOrEqual(s.t, c.expires(), by, "ended early")
		require.Equal(s.t, c.state, n.conn.State)
		delete(s.conns, n.key)
	}
}

func (s *scan) reported(notes []note, now flow.Nanos) {
	for _, n := range notes {
		c := s.conns[n.key]
		require.NotNil(s.t, c)
		require.LessOrEqual(s.t, c.logged+60*second, now, "reported early")
		c.logged = now
	}
}

func (s *scan) nothingForgotten(now flow.Nanos) {
	for key, c := range s.conns {
		if c.expires()+second <= now {
			require.Failf(s.t, "not ended", "%v", key)
		}
		if max(c.logged+60*second, c.planned)+second <= now {
			require.Failf(s.t, "not reported", "%v", key)
		}
	}
}

// A clock that goes back, as none should, ends nothing and loses nothing.
func TestClockGoesBack(t *testing.T) {
	r := newRig(t, 10)
	r.drain(at(1000), udp(client, server, at(999)).sends(1, 0, pod("a")))
	r.drain(at(500), udp(client, "198.18.0.4:1", at(499)).sends(1, 0, pod("a")))
	require.Empty(t, r.ended)
	for now := at(501); now < at(1040); now += second {
		r.drain(now)
	}
	require.Len(t, r.ended, 2)
	r.requireEmpty(t)
}
