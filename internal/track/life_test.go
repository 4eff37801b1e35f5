package track

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	client = "198.18.0.2:40000"
	server = "198.18.0.3:80"
)

// A connection goes through its states as its packets show, and ends when it has
// been quiet for as long as its state allows, to the second.
func TestLife(t *testing.T) {
	const ack = flow.ACK
	type generation func(start flow.Nanos) *builder
	syn := func(s flow.Nanos) *builder { return tcp(client, server, s).sends(1, flow.SYN, pod("a")) }
	handshake := func(s flow.Nanos) *builder {
		return tcp(client, server, s).sends(1, flow.SYN, pod("a")).gets(1, flow.SYN|ack, nil).sends(1, ack, pod("a"))
	}
	data := func(s flow.Nanos) *builder { return tcp(client, server, s).sends(5, ack, pod("a")).gets(5, ack, nil) }
	clientFIN := func(s flow.Nanos) *builder { return tcp(client, server, s).sends(1, flow.FIN|ack, pod("a")) }
	serverFIN := func(s flow.Nanos) *builder { return tcp(client, server, s).gets(1, flow.FIN|ack, nil) }
	serverRST := func(s flow.Nanos) *builder { return tcp(client, server, s).gets(1, flow.RST|ack, nil).answered() }
	query := func(s flow.Nanos) *builder { return udp(client, server, s).sends(1, 0, pod("a")) }
	answer := func(s flow.Nanos) *builder { return udp(client, server, s).gets(1, 0, nil).answered() }
	sctp := func(s flow.Nanos) *builder { return record(flow.SCTP, client, server, s).sends(1, 0, pod("a")) }

	for _, test := range []struct {
		name        string
		generations []generation // one a second
		want        flow.State
		timeout     time.Duration
	}{
		{"TCP unanswered", []generation{syn}, flow.Unanswered, 130 * time.Second},
		{"TCP retried and unanswered", []generation{syn, syn, syn}, flow.Unanswered, 130 * time.Second},
		{"TCP open", []generation{handshake, data}, flow.Open, time.Hour},
		{"TCP open, capture began later", []generation{data}, flow.Open, time.Hour},
		{"TCP half closed", []generation{handshake, clientFIN, data}, flow.Open, time.Hour},
		{"TCP closed by both in one generation", []generation{handshake,
			func(s flow.Nanos) *builder { return clientFIN(s).gets(1, flow.FIN|ack, nil) }}, flow.Closed, 5 * time.Second},
		{"TCP closed by both, one after the other", []generation{handshake, serverFIN, data, clientFIN}, flow.Closed, 5 * time.Second},
		{"TCP late packets after the close", []generation{handshake, serverFIN, clientFIN, serverFIN, data}, flow.Closed, 5 * time.Second},
		{"TCP reset", []generation{handshake, data, serverRST}, flow.Closed, 5 * time.Second},
		{"TCP refused", []generation{syn, serverRST}, flow.Closed, 5 * time.Second},
		{"TCP in one generation", []generation{func(s flow.Nanos) *builder {
			return handshake(s).sends(1, flow.FIN|ack, pod("a")).gets(1, flow.FIN|ack, nil)
		}}, flow.Closed, 5 * time.Second},
		{"UDP unanswered", []generation{query}, flow.Unanswered, 30 * time.Second},
		{"UDP answered", []generation{query, answer}, flow.Open, 30 * time.Second},
		{"SCTP", []generation{sctp}, flow.Unanswered, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, 10)
			var c *Conn[int]
			for i, generation := range test.generations {
				c = r.drain(at(float64(i+1)), generation(at(float64(i)+0.5)))
				require.NotNil(t, c)
			}
			require.Equal(t, test.want, c.State)
			require.Equal(t, at(0.5), c.Start)
			last := c.Last
			require.Equal(t, at(float64(len(test.generations))), last)
			for r.table.Len() > 0 {
				r.drain(r.now + second)
			}
			require.Len(t, r.ended, 1)
			lived := time.Duration(r.ended[0].at - last)
			require.GreaterOrEqual(t, lived, test.timeout)
			require.LessOrEqual(t, lived, test.timeout+time.Second)
			r.requireEmpty(t)
		})
	}
}

func TestEventsAboutWhatGoesOnComeEachActiveTimeout(t *testing.T) {
	r := newRig(t, 10)
	for i := range 200 {
		r.drain(at(float64(i+1)), udp(client, server, at(float64(i)+0.1)).sends(1, 0, pod("a")))
	}
	var times []flow.Nanos
	for _, n := range r.active {
		times = append(times, (n.at-epoch)/second)
	}
	require.Equal(t, []flow.Nanos{61, 122, 183}, times)
	require.Empty(t, r.ended)
}

// What was quiet for its timeout has ended, even if nobody has looked since.
func TestPacketAfterTheTimeoutBeginsANewConnection(t *testing.T) {
	for _, test := range []struct {
		name  string
		quiet float64
		ends  bool
	}{
		{"just before", 29.9, false},
		{"just after", 30.1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, 10)
			r.drain(at(1), udp(client, server, at(0.5)).sends(1, 0, pod("a")))
			start := at(1 + test.quiet)
			c := r.drain(at(2+test.quiet), udp(server, client, start).sends(1, 0, pod("b")))
			require.Equal(t, 1, r.table.Len())
			require.Equal(t, test.ends, len(r.ended) == 1)
			if test.ends {
				require.Equal(t, start, c.Start)
				require.Equal(t, flow.InitiatorB, c.Initiator, "the other began this one")
			}
		})
	}
}

func TestTupleIsUsedAgain(t *testing.T) {
	const ack = flow.ACK
	open := func(s flow.Nanos) *builder {
		return tcp(client, server, s).sends(2, flow.SYN|ack, pod("a")).gets(1, ack, nil)
	}
	syn := func(s flow.Nanos) *builder { return tcp(client, server, s).sends(1, flow.SYN, pod("a")) }
	for _, test := range []struct {
		name   string
		before *builder
		after  *builder
		new    bool
	}{
		{"after a close", tcp(client, server, at(0.5)).sends(1, flow.FIN|ack, pod("a")).gets(1, flow.FIN|ack, nil), syn(at(1.5)), true},
		{"after a reset", tcp(client, server, at(0.5)).gets(1, flow.RST, nil), syn(at(1.5)), true},
		{"after an end that was not seen", open(at(0.5)), syn(at(1.5)), true},
		{"a SYN of the other side after an end that was not seen", open(at(0.5)),
			tcp(server, client, at(1.5)).sends(1, flow.SYN, pod("b")), true},
		{"a SYN that is sent again", syn(at(0.5)), syn(at(1.5)), false},
		{"a SYN that is sent again because the answer was lost",
			tcp(client, server, at(0.5)).sends(1, flow.SYN, pod("a")).gets(1, flow.SYN|ack, nil), syn(at(1.5)), false},
		{"late FIN", tcp(client, server, at(0.5)).sends(1, flow.FIN|ack, pod("a")).gets(1, flow.FIN|ack, nil),
			tcp(client, server, at(1.5)).gets(1, flow.FIN|ack, nil), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, 10)
			r.drain(at(1), test.before)
			c := r.drain(at(2), test.after)
			require.Equal(t, 1, r.table.Len())
			require.Equal(t, test.new, len(r.ended) == 1)
			if test.new {
				require.Equal(t, at(1.5), c.Start)
				require.Equal(t, flow.Unanswered, c.State)
			}
		})
	}
}

func TestTableFull(t *testing.T) {
	r := newRig(t, 2)
	peers := []string{"198.18.1.1:1", "198.18.1.2:1", "198.18.1.3:1"}
	for i, peer := range peers {
		c := r.drain(at(1), udp(client, peer, at(0.5)).sends(1, 0, pod("a")))
		require.Equal(t, i < 2, c != nil, peer)
	}
	require.Equal(t, 2, r.table.Len())
	for r.table.Len() > 0 {
		r.drain(r.now + second)
	}
	c := r.drain(r.now+second, udp(client, peers[2], r.now).sends(1, 0, pod("a")))
	require.NotNil(t, c, "there is room again")
	r.table.Close()
	require.Len(t, r.ended, 3)
	r.requireEmpty(t)
}

// What finds no place is still known by its real ends.
func TestSpare(t *testing.T) {
	n := forms()["both"]
	r := newRig(t, 1)
	r.drain(at(1), udp(client, server, at(0.5)).sends(1, 0, pod("a")))
	b := udp(n.seen, n.backend, at(1.5)).reaches(3, pod("b")).translated(n.original(flow.UDP), n.reply(flow.UDP))
	require.Nil(t, r.drain(at(2), b))
	c, swapped := r.table.Spare(&b.Record, at(2))
	key, forward := n.original(flow.UDP).Key()
	require.Equal(t, key, c.Key)
	require.Equal(t, initiatorOf(forward, false), c.Initiator)
	_, d := tuple(flow.UDP, n.seen, n.backend).Key()
	require.Equal(t, forward, Of(d, swapped))
	c, _ = r.table.Spare(&tcp(client, server, at(2)).sends(1, flow.SYN, pod("a")).Record, at(3))
	require.Nil(t, c.NAT)
	require.Equal(t, 1, r.table.Len())
}

func TestAKnownConnectionCostsNoMemory(t *testing.T) {
	r := newRig(t, 10)
	a, b := pod("a"), pod("b")
	records := []*builder{
		tcp(client, server, at(0.5)).sends(5, flow.ACK, a).reaches(5, b).gets(5, flow.ACK, b).comesBack(4, a),
		udp(client, "198.19.0.1:53", at(0.5)).sends(1, 0, a).
			translated(tuple(flow.UDP, client, "198.19.0.1:53"), tuple(flow.UDP, "198.18.0.4:53", client)),
		udp(client, "198.18.0.4:53", at(0.5)).reaches(1, b),
	}
	r.drain(at(1), records...)
	require.Equal(t, 2, r.table.Len())
	now := at(1)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		now += second / 100
		for _, b := range records {
			r.table.Update(&b.Record, now)
		}
		r.table.Settle()
		r.table.Expire(now, func(*Conn[int]) {})
	}))
}
