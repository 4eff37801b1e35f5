package track

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// neighbours are two pods of the node whose veths are seen from the beginning.
type neighbours struct{ a, b *flow.Interface }

// meet shows the table that there is a pod behind the server's address.
func (p neighbours) meet(r *rig) {
	r.drain(at(-10), udp("198.18.0.9:9", server, at(-10.5)).sends(1, 0, p.a).reaches(1, p.b))
	r.table.Expire(at(60), func(*Conn[int]) {})
	r.ended, r.active = nil, nil
}

// What left one pod and did not reach the other on the same node is lost once
// nothing can be on its way any more, and is told once.
func TestLost(t *testing.T) {
	type generation struct{ sent, delivered, back, returned uint64 }
	quiet := generation{}
	for _, test := range []struct {
		name        string
		generations []generation
		want        [2]uint64 // forward and back, by the end
		after       int       // drains until the first is known
	}{
		{"nothing", []generation{{10, 10, 5, 5}, quiet, quiet, quiet, quiet}, [2]uint64{}, 0},
		{"on the way at the swap", []generation{{10, 9, 5, 5}, {0, 1, 0, 0}, quiet, quiet, quiet}, [2]uint64{}, 0},
		{"on the way at every swap, of a connection that never pauses",
			[]generation{{100, 60, 1, 1}, {100, 90, 1, 1}, {100, 105, 1, 1}, {100, 80, 1, 1}, {100, 99, 1, 1}, {0, 66, 0, 0}, quiet, quiet, quiet, quiet},
			[2]uint64{}, 0},
		{"shaped: delivered a generation later", []generation{{10, 5, 0, 0}, {10, 5, 0, 0}, {0, 10, 0, 0}, quiet, quiet, quiet, quiet}, [2]uint64{}, 0},
		{"lost", []generation{{10, 7, 5, 5}, quiet, quiet, quiet, quiet, quiet}, [2]uint64{3, 0}, 4},
		{"lost on the way back", []generation{{10, 10, 5, 1}, quiet, quiet, quiet, quiet}, [2]uint64{0, 4}, 4},
		{"lost both ways", []generation{{10, 9, 5, 4}, quiet, quiet, quiet, quiet}, [2]uint64{1, 1}, 4},
		{"lost before a pause and after", []generation{{10, 9, 0, 0}, quiet, quiet, quiet, {10, 8, 0, 0}, quiet, quiet, quiet, quiet}, [2]uint64{3, 0}, 4},
		{"lost, and the connection goes on", []generation{{10, 7, 1, 1}, {5, 5, 1, 1}, quiet, {5, 5, 1, 1}, quiet, quiet, quiet, quiet}, [2]uint64{3, 0}, 7},
		{"much is lost of a connection that never pauses",
			[]generation{{9000, 3000, 1, 1}, {9000, 3000, 1, 1}, {9000, 3000, 1, 1}},
			[2]uint64{6000 - onTheWay, 0}, 3},
		{"all of the answers are lost, after some were not", []generation{{10, 10, 1, 1}, {0, 0, 10, 0}, quiet, quiet, quiet}, [2]uint64{0, 10}, 5},
		{"answers to an address that nothing was ever delivered to", []generation{{10, 10, 10, 0}, quiet, quiet, quiet}, [2]uint64{}, 0},
		{"nothing ever arrives", []generation{{10, 0, 0, 0}, quiet, quiet, quiet}, [2]uint64{10, 0}, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			pods := neighbours{pod("a"), pod("b")}
			r := newRig(t, 10)
			pods.meet(r)
			key, forward := tuple(flow.UDP, client, server).Key()
			known := 0
			for i, g := range test.generations {
				start := at(60 + float64(i) + 0.5)
				b := udp(client, server, start)
				if g.sent > 0 {
					b.sends(g.sent, 0, pods.a)
				}
				if g.delivered > 0 {
					b.reaches(g.delivered, pods.b)
				}
				if g.back > 0 {
					b.gets(g.back, 0, pods.b)
				}
				if g.returned > 0 {
					b.comesBack(g.returned, pods.a)
				}
				if g == quiet {
					r.drain(start + second/2)
				} else {
					r.drain(start+second/2, b)
				}
				if known == 0 && len(r.lost) > 0 {
					known = i + 1
				}
			}
			got := r.lost[key]
			require.Equal(t, test.want, [2]uint64{got[forward], got[forward.Reverse()]})
			require.Equal(t, test.after, known, "known after so many drains")
		})
	}
}

// Where it is not certain that both sides are seen, nothing is claimed.
func TestNothingIsClaimedOfWhatMayNotBeSeen(t *testing.T) {
	for _, test := range []struct {
		name     string
		b        flow.Interface
		meet     bool
		generate func(a, b *flow.Interface) *builder
		want     uint64
	}{
		{"the same, but certain", flow.Interface{}, true, nil, 3},
		{"nothing was ever delivered to the address", flow.Interface{}, false,
			func(a, _ *flow.Interface) *builder { return udp(client, server, at(60.5)).sends(3, 0, a) }, 0},
		{"the destination answers: it is elsewhere now", flow.Interface{}, true,
			func(a, _ *flow.Interface) *builder {
				return udp(client, server, at(60.5)).sends(3, 0, a).gets(1, 0, nil).comesBack(1, a)
			}, 0},
		{"deliveries are unknown for good", flow.Interface{UnknownUntil: 1<<63 - 1}, true, nil, 0},
		{"deliveries were unknown when it began", flow.Interface{UnknownUntil: at(60.6)}, true, nil, 0},
		{"deliveries were unknown before it began", flow.Interface{UnknownUntil: at(60.4)}, true, nil, 3},
		{"it began before the destination's veth was seen", flow.Interface{Began: at(60.6)}, true, nil, 0},
		{"it began after that", flow.Interface{Began: at(60.4)}, true, nil, 3},
		{"at uplinks the node forwards", flow.Interface{Role: flow.Uplink}, true, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := pod("a"), test.b
			if b.Role == flow.NoRole {
				b.Role = flow.PodSide
			}
			r := newRig(t, 10)
			if test.meet {
				neighbours{a, &b}.meet(r)
			}
			if test.generate == nil {
				test.generate = func(a, b *flow.Interface) *builder {
					return udp(client, server, at(60.5)).sends(4, 0, a).reaches(1, b)
				}
			}
			r.drain(at(61), test.generate(a, &b))
			for i := range 10 {
				r.drain(at(62 + float64(i)))
			}
			require.Empty(t, r.table.open)
			key, forward := tuple(flow.UDP, client, server).Key()
			require.Equal(t, test.want, r.lost[key][forward])
		})
	}
}

// Packets to an address that nothing was delivered to for long may go elsewhere, as
// may those at an interface where something was not counted.
func TestNothingIsClaimedInDoubt(t *testing.T) {
	for _, test := range []struct {
		name  string
		start float64
		doubt float64
		want  uint64
	}{
		{"an address that was delivered to lately", 250, 0, 3},
		{"an address that may be elsewhere by now", 350, 0, 0},
		{"something was not counted before it began", 60.5, 60, 3},
		{"something was not counted since it began", 60.5, 61, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := pod("a"), pod("b")
			r := newRig(t, 10)
			neighbours{a, b}.meet(r)
			r.drain(at(test.start+0.5), udp(client, server, at(test.start)).sends(3, 0, a))
			if test.doubt > 0 {
				r.table.Doubt(b, at(test.doubt))
			}
			for i := range 10 {
				r.drain(at(test.start + 1 + float64(i)))
			}
			key, forward := tuple(flow.UDP, client, server).Key()
			require.Equal(t, test.want, r.lost[key][forward])
		})
	}
}

// A connection that was seen first when the capture began may have sent before.
func TestNothingIsClaimedOfWhatBeganWithTheCapture(t *testing.T) {
	for _, test := range []struct {
		start float64
		want  uint64
	}{{60.9, 0}, {61.1, 3}} {
		t.Run(fmt.Sprint(test.start), func(t *testing.T) {
			a := &flow.Interface{Role: flow.PodSide, Began: at(60)}
			r := newRig(t, 10)
			neighbours{a, pod("b")}.meet(r)
			r.drain(at(62), tcp(client, server, at(test.start)).sends(4, flow.ACK, a).reaches(1, pod("b")))
			for i := range 10 {
				r.drain(at(63 + float64(i)))
			}
			key, forward := tuple(flow.TCP, client, server).Key()
			require.Equal(t, test.want, r.lost[key][forward])
		})
	}
}

// A connection that ends in less than the drains that settle takes its losses with
// it, unless something may still be on its way.
func TestLostIsKnownWhenTheConnectionEnds(t *testing.T) {
	for _, test := range []struct {
		name  string
		after float64 // seconds of quiet, in one generation
		want  uint64
	}{
		{"quiet for its timeout", 40, 3},
		{"closed by the table's user at once", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := pod("a"), pod("b")
			r := newRig(t, 10)
			r.drain(at(1), udp(client, server, at(0.5)).sends(4, 0, a).reaches(1, b))
			if test.after > 0 {
				r.drain(at(1 + test.after))
				require.Len(t, r.ended, 1)
				require.EqualValues(t, 3, r.ended[0].conn.Undelivered[0]+r.ended[0].conn.Undelivered[1], "its event says so")
			}
			r.table.Close()
			key, forward := tuple(flow.UDP, client, server).Key()
			require.Equal(t, test.want, r.lost[key][forward])
			r.requireEmpty(t)
		})
	}
}

// At the end hooks go one after the other: what was sent at the one and not seen at the
// other just then is not lost.
func TestSettleAll(t *testing.T) {
	for _, test := range []struct {
		name  string
		quiet int // drains before the last
		sent  uint64
		want  uint64
	}{
		{"missing for a while", 1, 0, 3},
		{"missing since the last drain only", 0, 0, 0},
		{"while hooks are taken off", 1, 50, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := pod("a"), pod("b")
			r := newRig(t, 10)
			r.drain(at(1), udp(client, server, at(0.5)).sends(4, 0, a).reaches(1, b))
			for i := range test.quiet {
				r.drain(at(2 + float64(i)))
			}
			if test.sent > 0 {
				r.table.Update(&udp(client, server, at(2.5)).sends(test.sent, 0, a).Record, at(3))
			}
			r.table.SettleAll()
			r.table.Close()
			key, forward := tuple(flow.UDP, client, server).Key()
			require.Equal(t, test.want, r.lost[key][forward])
			r.requireEmpty(t)
		})
	}
}

func TestNobodyIsBehindAMulticastAddress(t *testing.T) {
	r := newRig(t, 10)
	const group = "224.0.0.251:5353"
	r.drain(at(1), udp(client, group, at(0.5)).sends(1, 0, pod("a")).reaches(1, pod("b")))
	r.drain(at(2), udp("198.18.0.7:5353", group, at(1.5)).sends(1, 0, pod("c")))
	for i := range 5 {
		r.drain(at(3 + float64(i)))
	}
	require.Empty(t, r.lost)
}

func TestAddressesBehindVethsAreBounded(t *testing.T) {
	d := devices{}
	var a flow.Addr
	for i := range 3 * devicesAtMost {
		a[14], a[15] = byte(i>>8), byte(i)
		a[13] = byte(i >> 16)
		d.learn(a, pod("a")).last = at(1)
		require.LessOrEqual(t, len(d), devicesAtMost)
		require.NotNil(t, d[a])
	}
}
