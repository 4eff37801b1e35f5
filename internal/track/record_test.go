package track

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	second = flow.Nanos(time.Second)
	epoch  = 1_800_000_000 * second // tests count seconds from here
)

// at is a time in seconds after the tests' epoch.
func at(seconds float64) flow.Nanos { return epoch + flow.Nanos(seconds*float64(second)) }

func tuple(proto uint8, src, dst string) flow.Tuple {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return flow.Tuple{
		Src: flow.AddrFrom(s.Addr()), Dst: flow.AddrFrom(d.Addr()), SrcPort: s.Port(), DstPort: d.Port(), Proto: proto,
	}
}

// builder makes the record of one generation in the words of the tuple's sender.
type builder struct {
	flow.Record
	forward flow.Direction
}

func record(proto uint8, src, dst string, start flow.Nanos) *builder {
	b := &builder{}
	b.Key, b.forward = tuple(proto, src, dst).Key()
	b.Start, b.First = start, b.forward
	return b
}

func tcp(src, dst string, start flow.Nanos) *builder { return record(flow.TCP, src, dst, start) }
func udp(src, dst string, start flow.Nanos) *builder { return record(flow.UDP, src, dst, start) }

// pod is an interface from which every packet is seen.
func pod(name string) *flow.Interface { return &flow.Interface{Name: name, Role: flow.PodSide} }

// sends counts packets that leave the tuple's source.
func (b *builder) sends(n uint64, flags uint8, i *flow.Interface) *builder {
	return b.leave(b.forward, n, flags, i)
}

// gets counts packets that leave the tuple's destination.
func (b *builder) gets(n uint64, flags uint8, i *flow.Interface) *builder {
	return b.leave(b.forward.Reverse(), n, flags, i)
}

func (b *builder) leave(d flow.Direction, n uint64, flags uint8, i *flow.Interface) *builder {
	c := &b.Dir[d]
	c.Sent.Add(flow.Count{Packets: n, Bytes: 100 * n})
	c.SentIf = i
	b.mark(c, flags)
	if flags&(flow.SYN|flow.ACK) == flow.SYN {
		b.SYN, b.SYNDir = b.Start, d
	}
	if flags&(flow.SYN|flow.ACK) == flow.SYN|flow.ACK {
		b.SYNACK, b.SYNDir = b.Start+1, d.Reverse()
	}
	return b
}

func (b *builder) mark(c *flow.Counts, flags uint8) {
	c.Flags |= flags
	if flags&flow.FIN != 0 {
		c.FINs++
	}
	if flags&flow.RST != 0 {
		c.RSTs++
	}
}

// reaches counts packets that are handed to the tuple's destination.
func (b *builder) reaches(n uint64, i *flow.Interface) *builder {
	c := &b.Dir[b.forward]
	c.Delivered.Add(flow.Count{Packets: n, Bytes: 100 * n})
	c.DeliveredIf = i
	return b
}

// comesBack counts packets that are handed to the tuple's source.
func (b *builder) comesBack(n uint64, i *flow.Interface) *builder {
	c := &b.Dir[b.forward.Reverse()]
	c.Delivered.Add(flow.Count{Packets: n, Bytes: 100 * n})
	c.DeliveredIf = i
	return b
}

// translated says what conntrack knows.
func (b *builder) translated(original, reply flow.Tuple) *builder {
	b.NAT = &flow.Translation{Original: original, Reply: reply}
	return b
}

// answered turns first: the destination sent the generation's first packet.
func (b *builder) answered() *builder {
	b.First = b.forward.Reverse()
	return b
}

// note is what the table told of a connection.
type note struct {
	key  flow.Key
	at   flow.Nanos
	conn flow.Connection
}

// rig is a table with what it told.
type rig struct {
	table  *Table[int]
	now    flow.Nanos
	first  func(*flow.Record) // answers as conntrack would
	asked  int
	ended  []note
	parts  []note
	active []note
	lost   map[flow.Key][2]uint64
}

func newRig(t *testing.T, capacity int) *rig {
	t.Helper()
	r := &rig{now: epoch, first: func(*flow.Record) {}, lost: map[flow.Key][2]uint64{}}
	config := Config{ActiveTimeout: time.Minute, IdleTimeout: 30 * time.Second, Capacity: capacity}
	require.NoError(t, config.Validate())
	r.table = New(config, epoch, Told[int]{
		First: func(record *flow.Record) { r.asked++; r.first(record) },
		Ended: func(c, into *Conn[int], _ bool) {
			n := note{c.Key, r.now, c.Connection}
			if into != nil {
				r.parts = append(r.parts, n)
				return
			}
			r.ended = append(r.ended, n)
		},
		Lost: func(c *Conn[int], d flow.Direction, packets uint64) {
			lost := r.lost[c.Key]
			lost[d] += packets
			r.lost[c.Key] = lost
		},
	})
	return r
}

// drain plays one generation that ends now.
func (r *rig) drain(now flow.Nanos, records ...*builder) (last *Conn[int]) {
	r.now = now
	for _, b := range records {
		last, _ = r.table.Update(&b.Record, now)
	}
	r.table.Settle()
	r.table.Expire(now, func(c *Conn[int]) { r.active = append(r.active, note{c.Key, now, c.Connection}) })
	return last
}

// requireEmpty checks that nothing is kept of connections that ended.
func (r *rig) requireEmpty(t *testing.T) {
	t.Helper()
	require.Zero(t, r.table.Len())
	require.Empty(t, r.table.keys)
	require.Empty(t, r.table.open)
	require.Equal(t, [slotsInWheel]*Conn[int]{}, r.table.wheel.slots)
	free := 0
	for c := r.table.free; c != nil; c = c.next {
		require.Equal(t, Conn[int]{next: c.next}, *c, "a free connection holds nothing")
		free++
	}
	require.Equal(t, r.table.made, free)
	require.LessOrEqual(t, r.table.made, r.table.config.Capacity)
}
