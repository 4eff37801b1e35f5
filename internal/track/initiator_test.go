package track

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Who began is said when a handshake, conntrack, or the first packet of all shows
// it; of what began before the capture it is unknown. Each case is played in both orders of
// the key.
func TestWhoBegan(t *testing.T) {
	const (
		ack = flow.ACK
		us  = "source"      // the tuple's sender
		it  = "destination" // the other one
	)
	always, later := pod("a"), &flow.Interface{Name: "b", Role: flow.PodSide, Began: at(0)}
	type generation func(src, dst string) *builder
	for _, test := range []struct {
		name        string
		generations []generation
		want        string
	}{
		{"SYN", []generation{func(s, d string) *builder { return tcp(s, d, at(0.1)).sends(1, flow.SYN, later) }}, us},
		{"SYN and the answer in one generation", []generation{func(s, d string) *builder {
			return tcp(s, d, at(0.1)).sends(1, flow.SYN, later).gets(1, flow.SYN|ack, nil)
		}}, us},
		{"the SYN-ACK tells, too", []generation{func(s, d string) *builder {
			return tcp(s, d, at(0.1)).gets(1, flow.SYN|ack, nil).answered()
		}}, us},
		{"TCP data is no evidence", []generation{func(s, d string) *builder { return tcp(s, d, at(9)).sends(1, ack, always) }}, ""},
		{"TCP: the answer's direction is no evidence", []generation{func(s, d string) *builder {
			return tcp(s, d, at(9)).gets(1, ack, nil).answered()
		}}, ""},
		{"TCP: conntrack knows", []generation{func(s, d string) *builder { return tcp(s, d, at(9)).sends(1, ack, always).conntrack(us) }}, us},
		{"TCP: conntrack knows that it was the other", []generation{func(s, d string) *builder {
			return tcp(s, d, at(9)).sends(1, ack, always).conntrack(it)
		}}, it},
		{"TCP: conntrack is told later", []generation{
			func(s, d string) *builder { return tcp(s, d, at(9)).sends(1, ack, always) },
			func(s, d string) *builder { return tcp(s, d, at(9.5)).sends(1, ack, always).conntrack(it) },
		}, it},
		{"UDP: first packet of all", []generation{func(s, d string) *builder { return udp(s, d, at(0.1)).sends(1, 0, always) }}, us},
		{"UDP: first packet was the other's", []generation{func(s, d string) *builder {
			return udp(s, d, at(0.1)).sends(1, 0, always).answered().gets(1, 0, always)
		}}, it},
		{"UDP: at the moment when the capture begins", []generation{
			func(s, d string) *builder { return udp(s, d, at(0.9)).sends(1, 0, later) },
			func(s, d string) *builder { return udp(s, d, at(8)).sends(1, 0, later) },
		}, ""},
		{"UDP: seen first after a silence", []generation{func(s, d string) *builder { return udp(s, d, at(1.1)).sends(1, 0, later) }}, us},
		{"UDP: conntrack knows better than the first packet", []generation{func(s, d string) *builder {
			return udp(s, d, at(9)).sends(1, 0, always).conntrack(it)
		}}, it},
		{"SCTP: as UDP", []generation{func(s, d string) *builder { return record(flow.SCTP, s, d, at(9)).sends(1, 0, always) }}, us},
		{"it stays as it was", []generation{
			func(s, d string) *builder { return udp(s, d, at(9)).sends(1, 0, always) },
			func(s, d string) *builder { return udp(s, d, at(10)).answered().gets(1, 0, always).conntrack(it) },
		}, us},
	} {
		for _, ends := range [][2]string{{client, server}, {server, client}} {
			t.Run(test.name+" "+ends[0], func(t *testing.T) {
				r := newRig(t, 10)
				var c *Conn[int]
				for i, generation := range test.generations {
					c = r.drain(at(10+float64(i)), generation(ends[0], ends[1]))
				}
				_, d := tuple(c.Key.Proto, ends[0], ends[1]).Key()
				want := flow.UnknownInitiator
				switch test.want {
				case us:
					want = initiatorOf(d, false)
				case it:
					want = initiatorOf(d.Reverse(), false)
				}
				require.Equal(t, want, c.Initiator)
			})
		}
	}
}

// conntrack says who began, in the tuple's words.
func (b *builder) conntrack(who string) *builder {
	d := b.forward
	if who == "destination" {
		d = d.Reverse()
	}
	b.Conntrack = initiatorOf(d, false)
	return b
}

func TestStartIsTheEarliestPacket(t *testing.T) {
	r := newRig(t, 10)
	r.drain(at(1), tcp(client, server, at(0.5)).sends(1, flow.SYN, pod("a")))
	c := r.drain(at(1), tcp(client, server, at(0.2)).sends(1, flow.SYN, pod("a")))
	require.Equal(t, at(0.2), c.Start)
}
