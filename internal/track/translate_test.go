package track

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// translation is one that conntrack made: who calls what, and who answers whom.
type translation struct{ client, called, backend, seen string }

func (n translation) original(proto uint8) flow.Tuple { return tuple(proto, n.client, n.called) }
func (n translation) reply(proto uint8) flow.Tuple    { return tuple(proto, n.backend, n.seen) }

// forms are translations in all orders of both keys: a key's A is the smaller end.
func forms() map[string]translation {
	const low, mid, high, top = "198.18.0.2:1000", "198.18.0.9:80", "198.19.0.10:80", "198.19.200.1:2000"
	all := map[string]translation{}
	for name, n := range map[string]translation{
		"service":                 {low, high, mid, low},
		"service, client above":   {top, mid, high, top},
		"service, client between": {mid, low, high, mid},
		"masquerade":              {low, high, high, top},
		"masquerade, node below":  {high, mid, mid, low},
		"both":                    {low, high, mid, top},
		"both, reversed":          {top, mid, high, low},
		"hairpin":                 {low, high, "198.18.0.2:80", mid},
	} {
		all[name] = n
	}
	return all
}

// What is seen under the original and under the translated addresses is one connection,
// in the directions of the tuple that the initiator sent, whichever is seen first and
// whenever conntrack tells.
func TestTranslatedIsOneConnection(t *testing.T) {
	const proto = flow.UDP
	for name, n := range forms() {
		a, b := pod("a"), pod("b")
		outer := func(s float64) *builder { // at the client: it sends 3 and gets 2 back
			return record(proto, n.client, n.called, at(s)).sends(3, 0, a).comesBack(2, a)
		}
		inner := func(s float64) *builder { // at the backend: 3 arrive, 2 are answered
			return record(proto, n.seen, n.backend, at(s)).reaches(3, b).gets(2, 0, b)
		}
		told := func(b *builder) *builder { return b.translated(n.original(proto), n.reply(proto)) }
		for order, generations := range map[string][][]*builder{
			"both told":                {{told(outer(0.1)), told(inner(0.2))}},
			"inner first":              {{told(inner(0.2)), told(outer(0.1))}},
			"outer told":               {{told(outer(0.1)), inner(0.2)}},
			"outer told, inner first":  {{inner(0.2), told(outer(0.1))}},
			"inner told":               {{outer(0.1), told(inner(0.2))}},
			"inner told first":         {{told(inner(0.2)), outer(0.1)}},
			"inner told a drain later": {{outer(0.1), inner(0.2)}, {told(record(proto, n.seen, n.backend, at(1.1)).reaches(0, b).gets(0, 0, b))}},
			"outer told a drain later": {{inner(0.2), outer(0.1)}, {told(record(proto, n.client, n.called, at(1.1)).sends(0, 0, a))}},
		} {
			t.Run(fmt.Sprint(name, ", ", order), func(t *testing.T) {
				r := newRig(t, 10)
				var c *Conn[int]
				for i, records := range generations {
					c = r.drain(at(float64(i+1)), records...)
				}
				key, forward := n.original(proto).Key()
				require.Equal(t, 1, r.table.Len())
				require.Equal(t, key, c.Key)
				require.Equal(t, initiatorOf(forward, false), c.Initiator)
				require.Equal(t, at(0.1), c.Start)
				require.Equal(t, flow.Open, c.State)
				require.Equal(t, n.reply(proto), c.NAT.Reply)
				require.EqualValues(t, 3, c.sent[forward])
				require.EqualValues(t, 3, c.delivered[forward])
				require.EqualValues(t, 2, c.sent[forward.Reverse()])
				require.EqualValues(t, 2, c.delivered[forward.Reverse()])
				require.Empty(t, r.ended)
				for range 5 {
					r.drain(r.now + second)
				}
				require.Empty(t, r.lost)
				r.table.Close()
				require.Len(t, r.ended, 1)
				r.requireEmpty(t)
			})
		}
	}
}

// TCP that is closed by what each side showed of it.
func TestStateOfAPartCounts(t *testing.T) {
	n := forms()["service"]
	original, reply := n.original(flow.TCP), n.reply(flow.TCP)
	r := newRig(t, 10)
	r.drain(at(1),
		tcp(n.client, n.called, at(0.1)).sends(3, flow.SYN|flow.FIN, pod("a")),
		tcp(n.seen, n.backend, at(0.2)).gets(3, flow.FIN|flow.ACK, pod("b")))
	require.Equal(t, 2, r.table.Len())
	c := r.drain(at(2), tcp(n.seen, n.backend, at(1.2)).gets(1, flow.ACK, pod("b")).translated(original, reply))
	require.Equal(t, flow.Closed, c.State)
	_, forward := original.Key()
	require.Equal(t, flow.FIN|flow.ACK, c.Flags[forward.Reverse()])
	for r.table.Len() > 0 {
		r.drain(r.now + second)
	}
	require.LessOrEqual(t, r.now, at(2+6), "it ends as closed ones do")
}

// The node's port, or the backend's, goes to another connection before the table
// has forgotten the old one.
func TestTranslatedKeyGoesToAnotherConnection(t *testing.T) {
	const node, outside = "198.18.0.1:40000", "198.19.0.10:443"
	old, next := translation{"198.18.0.2:1000", outside, outside, node}, translation{"198.18.0.3:1000", outside, outside, node}
	r := newRig(t, 10)
	for i, n := range []translation{old, next} {
		r.drain(at(float64(i+1)),
			tcp(n.client, n.called, at(float64(i)+0.5)).sends(2, flow.SYN|flow.ACK, pod("a")).
				translated(n.original(flow.TCP), n.reply(flow.TCP)),
			tcp(n.seen, n.backend, at(float64(i)+0.6)).sends(2, flow.SYN|flow.ACK, nil).
				translated(n.original(flow.TCP), n.reply(flow.TCP)))
	}
	require.Equal(t, 2, r.table.Len())
	c := r.drain(at(3), tcp(node, outside, at(2.5)).sends(1, flow.ACK, nil))
	key, _ := next.original(flow.TCP).Key()
	require.Equal(t, key, c.Key, "the node's port is the second's now")
	r.table.Close()
	require.Len(t, r.ended, 2)
	r.requireEmpty(t)
}

func TestOlderConnectionUnderTheTranslatedKeyIsNoPart(t *testing.T) {
	n := forms()["service"]
	r := newRig(t, 10)
	r.drain(at(1), tcp(n.client, n.backend, at(0.5)).sends(2, flow.SYN|flow.ACK, pod("a")).gets(1, flow.ACK, nil))
	c := r.drain(at(3), tcp(n.client, n.called, at(2.5)).sends(1, flow.SYN, pod("a")).
		translated(n.original(flow.TCP), n.reply(flow.TCP)))
	require.Len(t, r.ended, 1)
	require.Empty(t, r.parts)
	require.Equal(t, flow.Unanswered, c.State)
	require.Equal(t, 1, r.table.Len())
}

// A Service's tuple that is used again leads to another backend.
func TestOtherBackend(t *testing.T) {
	first, second := translation{client, "198.19.0.10:80", "198.18.0.8:80", client}, translation{client, "198.19.0.10:80", "198.18.0.9:80", client}
	r := newRig(t, 10)
	for i, n := range []translation{first, second} {
		r.drain(at(float64(i+1)), udp(n.client, n.called, at(float64(i)+0.5)).sends(1, 0, pod("a")).
			translated(n.original(flow.UDP), n.reply(flow.UDP)))
	}
	c := r.drain(at(3), udp(client, second.backend, at(2.5)).reaches(1, pod("b")))
	require.Equal(t, second.reply(flow.UDP), c.NAT.Reply)
	require.Equal(t, 1, r.table.Len())
	r.drain(at(4), udp(client, first.backend, at(3.5)).reaches(1, pod("b")))
	require.Equal(t, 2, r.table.Len(), "the first backend's key leads nowhere any more")
}

func TestConntrackSpeaksOfSomethingElse(t *testing.T) {
	n := forms()["service"]
	r := newRig(t, 10)
	c := r.drain(at(1), udp("198.18.5.5:1", "198.18.5.6:2", at(0.5)).sends(1, 0, pod("a")).
		translated(n.original(flow.UDP), n.reply(flow.UDP)))
	require.Nil(t, c.NAT)
	require.Len(t, r.table.keys, 1)
}

// With a full table the part stays what it is until there is room.
func TestTranslatedWhileFull(t *testing.T) {
	n := forms()["service"]
	told := func(s float64) *builder {
		return udp(n.seen, n.backend, at(s)).reaches(1, pod("b")).translated(n.original(flow.UDP), n.reply(flow.UDP))
	}
	r := newRig(t, 2)
	r.drain(at(1), udp(n.seen, n.backend, at(0.5)).reaches(1, pod("b")), udp("198.18.5.5:1", "198.18.5.6:2", at(0.5)).sends(1, 0, pod("a")))
	c := r.drain(at(2), told(1.5))
	require.Nil(t, c.NAT)
	for r.table.Len() > 1 {
		r.drain(r.now+second, udp(n.seen, n.backend, r.now).reaches(1, pod("b")))
	}
	c = r.drain(r.now+second, told(float64(r.now-epoch)/float64(second)))
	require.NotNil(t, c.NAT)
	require.Equal(t, 1, r.table.Len())
	require.Equal(t, at(0.5), c.Start)
}
