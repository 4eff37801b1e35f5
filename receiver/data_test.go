//go:build linux

package receiver

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/reporter"
)

const (
	webAddr     = "198.18.1.2:40000"
	dbAddr      = "198.18.1.3:5432"
	farAddr     = "198.18.2.2:5432"
	apiAddr     = "198.19.0.10:80"
	outsideAddr = "192.0.2.1:443"
)

// An address of the cluster waits for its object; what was counted meanwhile is not lost, and
// goes to the series of whoever it turns out to be.
func TestCountsWaitForNames(t *testing.T) {
	request := func(s float64) *flow.Record {
		return seen(flow.UDP, webAddr, "198.18.2.9:53", sec(s), way{from: veth("a"), bytes: 100}, way{})
	}
	late := &flow.Endpoint{Kind: flow.Pod, OwnerName: "late"}
	t.Run("known in time", func(t *testing.T) {
		r := newRig(t, nil)
		r.cluster.pending["198.18.2.9"] = true
		r.generation(sec(1), request(0.5))
		r.generation(sec(2), request(1.5))
		require.Empty(t, r.series())
		r.cluster.objects["198.18.2.9"], r.cluster.pending["198.18.2.9"] = late, false
		r.generation(sec(3), request(2.5))
		require.Equal(t, map[string]uint64{"web>late :53": 300}, r.series())
		require.Empty(t, r.waiting)
	})
	t.Run("not known after all", func(t *testing.T) {
		r := newRig(t, nil)
		r.cluster.objects["198.18.2.9"], r.cluster.pending["198.18.2.9"] = &flow.Endpoint{Kind: flow.Pod}, true
		r.generation(sec(1), request(0.5))
		for s := 2.0; s < 6; s++ {
			r.generation(sec(s))
			require.Empty(t, r.series())
		}
		r.generation(sec(6))
		require.Equal(t, map[string]uint64{"web>Pod :53": 100}, r.series())
		require.Empty(t, r.waiting)
	})
	t.Run("known long after", func(t *testing.T) {
		r := newRig(t, nil)
		r.cluster.pending["198.18.2.9"] = true
		for s := 1.0; s < 70; s++ {
			r.generation(sec(s), request(s-0.5))
		}
		require.Equal(t, map[string]uint64{"web>External :53": 6900}, r.series())
		r.cluster.objects["198.18.2.9"], r.cluster.pending["198.18.2.9"] = late, false
		for s := 70.0; s < 130; s++ {
			r.generation(sec(s), request(s-0.5))
		}
		sums := r.series()
		require.NotZero(t, sums["web>late :53"])
		require.EqualValues(t, 12900, sums["web>late :53"]+sums["web>External :53"])
		require.Contains(t, r.logs[len(r.logs)-1], "web>late")
	})
	t.Run("at shutdown", func(t *testing.T) {
		r := newRig(t, nil)
		r.cluster.pending["198.18.2.9"] = true
		r.generation(sec(1), request(0.5))
		require.NoError(t, r.data.close())
		require.Equal(t, map[string]uint64{"web>External :53": 100}, r.series())
		require.Equal(t, []string{"active web> 100/0"}, r.logs)
	})
}

// Who began may be known late: from then on there is a server's port, and a Service.
func TestInitiatorIsKnownLater(t *testing.T) {
	r := newRig(t, nil)
	data := func(s float64) *flow.Record {
		return seen(flow.TCP, webAddr, apiAddr, sec(s), way{from: veth("a"), bytes: 100, flags: flow.ACK}, way{to: veth("a"), delivered: 100, flags: flow.ACK})
	}
	r.generation(sec(1), data(0.5))
	require.Equal(t, map[string]uint64{"web>api api:0": 100}, r.series())
	told := data(1.5)
	told.Conntrack = flow.Initiator(told.First) + flow.InitiatorA
	r.generation(sec(2), told)
	require.Equal(t, map[string]uint64{"web>api api:0": 100, "web>api api:80": 100}, r.series())
}

// What was seen under translated addresses only, and what had to wait, counts once under
// the real names when conntrack tells.
func TestPartsCountUnderTheirRealNames(t *testing.T) {
	for _, pending := range []bool{false, true} {
		r := newRig(t, nil)
		r.cluster.pending["192.0.2.1"] = pending
		const node = "198.18.0.1:61000"
		inner := func(s float64) *flow.Record {
			return seen(flow.UDP, webAddr, outsideAddr, sec(s), way{from: veth("a"), bytes: 500}, way{to: veth("a"), delivered: 300})
		}
		outer := func(s float64) *flow.Record {
			o := seen(flow.UDP, node, outsideAddr, sec(s), way{from: uplink(), bytes: 500}, way{to: uplink(), delivered: 300})
			o.Claim = flow.Forwarded
			return o
		}
		r.generation(sec(1), inner(0.1), outer(0.1))
		told := outer(1.1)
		told.NAT = &flow.Translation{Original: tupleOf(flow.UDP, webAddr, outsideAddr), Reply: tupleOf(flow.UDP, outsideAddr, node)}
		r.generation(sec(2), inner(1.1), told)
		for s := 3.0; s < 8; s++ {
			r.generation(sec(s))
		}
		want := map[string]uint64{"web>External :443": 1000, "External>web :443": 600}
		if !pending { // what was counted before it was known to be translated stays, outside of the sum
			want["n1>External :443 translated"] = 500
			want["External>n1 :443"] = 300
		}
		require.Equal(t, want, r.series())
		require.Equal(t, 1, r.table.Len())
		require.NoError(t, r.data.close())
		require.Equal(t, []string{"active web> 1000/600"}, r.logs)
	}
}

func TestConntrackIsAskedWhereItMatters(t *testing.T) {
	old := &flow.Interface{Role: flow.PodSide, Began: sec(0)}
	idle := flow.Nanos(30 * second)
	for _, test := range []struct {
		name   string
		record *flow.Record
		want   bool
	}{
		{"TCP that began before us", seen(flow.TCP, webAddr, farAddr, sec(60), way{from: old, bytes: 100, flags: flow.ACK}, way{}), true},
		{"TCP with a handshake", seen(flow.TCP, webAddr, farAddr, sec(0.1), way{from: old, bytes: 100, flags: flow.SYN}, way{}), false},
		{"TCP where everything was seen", seen(flow.TCP, webAddr, farAddr, sec(60), way{from: veth("a"), bytes: 100, flags: flow.ACK}, way{}), false},
		{"UDP soon after we began", seen(flow.UDP, webAddr, farAddr, sec(20), way{from: old, bytes: 100}, way{}), true},
		{"UDP later than any pause", seen(flow.UDP, webAddr, farAddr, sec(31), way{from: old, bytes: 100}, way{}), false},
		{"UDP where everything was seen", seen(flow.UDP, webAddr, farAddr, sec(0.1), way{from: veth("a"), bytes: 100}, way{}), false},
		{"nothing was counted", seen(flow.UDP, webAddr, farAddr, sec(0.1), way{}, way{}), false},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, beganBefore(test.record, idle)) })
	}
	for _, test := range []struct {
		name   string
		record *flow.Record
		claim  flow.Claim
		want   string // source of the tuple to ask for
	}{
		{"handed to a pod, and not seen to be sent", seen(flow.UDP, farAddr, webAddr, sec(1), way{to: veth("a"), delivered: 100}, way{}), 0, webAddr},
		{"from pod to pod", seen(flow.UDP, dbAddr, webAddr, sec(1), way{from: veth("b"), bytes: 100, to: veth("a"), delivered: 100}, way{}), 0, ""},
		{"left under the node's address", seen(flow.UDP, "198.18.0.1:1", outsideAddr, sec(1), way{from: uplink(), bytes: 100}, way{}), flow.Forwarded, outsideAddr},
		{"left by a socket of the node", seen(flow.UDP, "198.18.0.1:1", outsideAddr, sec(1), way{from: uplink(), bytes: 100}, way{}), flow.OwnSocket, ""},
		{"arrived for the node", seen(flow.UDP, outsideAddr, "198.18.0.1:1", sec(1), way{to: uplink(), delivered: 100}, way{}), 0, outsideAddr},
		{"arrived for a socket of the node", seen(flow.UDP, outsideAddr, "198.18.0.1:1", sec(1), way{to: uplink(), delivered: 100}, way{}), flow.OwnSocket, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.record.Claim = test.claim
			tuple, likely := suspect(test.record)
			require.Equal(t, test.want != "", likely)
			if likely {
				require.Equal(t, tupleOf(flow.UDP, test.want, test.want).Src, tuple.Src)
			}
		})
	}
}

func TestConntrackTells(t *testing.T) {
	old := &flow.Interface{Role: flow.PodSide, Began: sec(0)}
	ask := func(r *rig) {
		r.generation(sec(1), seen(flow.TCP, webAddr, farAddr, sec(0.5), way{from: old, bytes: 100, flags: flow.ACK}, way{}))
	}
	r := newRig(t, nil)
	original := tupleOf(flow.TCP, farAddr, webAddr)
	r.kernel.conntrack[tupleOf(flow.TCP, webAddr, farAddr)] = &flow.Translation{Original: original, Reply: original.Reverse()}
	ask(r)
	require.Equal(t, map[string]uint64{"web>far :40000": 100}, r.series(), "the other began")

	r = newRig(t, nil)
	r.kernel.conntrack[tupleOf(flow.TCP, webAddr, farAddr)] = &flow.Translation{Original: tupleOf(flow.TCP, webAddr, apiAddr), Reply: tupleOf(flow.TCP, farAddr, webAddr)}
	ask(r)
	require.Equal(t, map[string]uint64{"web>far api:80": 100}, r.series(), "it is a Service's")

	r = newRig(t, nil)
	r.kernel.broken = errors.New("no buffer")
	ask(r)
	r.generation(sec(2))
	require.Equal(t, map[string]uint64{"web>far :0": 100}, r.series(), "it goes on without")
	require.EqualValues(t, 1, r.counter("errors", "operation", "conntrack"))
}

func TestQuestionsToConntrackAreBounded(t *testing.T) {
	old := &flow.Interface{Role: flow.PodSide, Began: sec(0)}
	r := newRig(t, nil)
	var records []*flow.Record
	for i := range questionsPerDrain + 500 {
		s := seen(flow.TCP, webAddr, farAddr, sec(0.5), way{from: old, bytes: 100, flags: flow.ACK}, way{})
		s.Key.PortA = uint16(i)
		records = append(records, s)
	}
	r.generation(sec(1), records...)
	require.Equal(t, questionsPerDrain, r.kernel.asked)
	require.Equal(t, len(records), r.table.Len())
}

// What the table has no room for is in the series, by its real names.
func TestUntracked(t *testing.T) {
	for _, mode := range []reporter.Mode{reporter.Once, reporter.Both} {
		r := newRig(t, func(c *Config) { c.Capture.MaxConnections, c.Reporter = 1, mode })
		r.generation(sec(1),
			seen(flow.UDP, webAddr, dbAddr, sec(0.1), way{from: veth("a"), bytes: 100, to: veth("b"), delivered: 100}, way{}),
			seen(flow.UDP, "198.18.1.3:6000", "198.18.1.2:53", sec(0.2), way{from: veth("b"), bytes: 300, to: veth("a"), delivered: 300}, way{}))
		require.Equal(t, 1, r.table.Len())
		require.EqualValues(t, 2, r.counter("drained_records", "", ""))
		require.EqualValues(t, 1, r.counter("accounted_records", "disposition", "connection"))
		require.EqualValues(t, 1, r.counter("accounted_records", "disposition", "aggregated"))
		want := map[string]uint64{"web>db :5432": 100, "db>web :53": 300}
		if mode == reporter.Both {
			want = map[string]uint64{
				"web>db :5432 transmit": 100, "web>db :5432 receive": 100,
				"db>web :53 transmit": 300, "db>web :53 receive": 300,
			}
		}
		require.Equal(t, want, r.series())
	}
}

func TestUntrackedTranslated(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Capture.MaxConnections = 1 })
	full := seen(flow.UDP, webAddr, dbAddr, sec(0.1), way{from: veth("a"), bytes: 100, to: veth("b"), delivered: 100}, way{})
	outer := seen(flow.UDP, "198.18.0.1:61000", outsideAddr, sec(0.2), way{from: uplink(), bytes: 500}, way{})
	outer.Claim = flow.Forwarded
	outer.NAT = &flow.Translation{Original: tupleOf(flow.UDP, "198.18.1.3:7", outsideAddr), Reply: tupleOf(flow.UDP, outsideAddr, "198.18.0.1:61000")}
	inner := seen(flow.UDP, "198.18.1.3:7", outsideAddr, sec(0.2), way{from: veth("b"), bytes: 500}, way{})
	r.generation(sec(1), full, outer, inner)
	require.Equal(t, map[string]uint64{"web>db :5432": 100, "db>External :443": 500}, r.series())
}

func TestLosses(t *testing.T) {
	lossy := func(s float64) *flow.Record {
		return seen(flow.UDP, webAddr, dbAddr, sec(s), way{from: veth("a"), bytes: 1000, to: veth("b"), delivered: 700}, way{})
	}
	for _, test := range []struct {
		name   string
		adjust func(*Config)
		hooks  []capture.HookCounts
		want   map[string]uint64
	}{
		{"told", nil, nil, map[string]uint64{"web>db :5432": 3}},
		{"at the source's side with both", func(c *Config) { c.Reporter = reporter.Both }, nil, map[string]uint64{"web>db :5432 transmit": 3}},
		{"not with sampling", func(c *Config) { c.Capture.Sampling = 10 }, nil, map[string]uint64{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.adjust)
			r.generation(sec(1), lossy(0.5))
			for s := 2.0; s < 6; s++ {
				r.generation(sec(s))
			}
			require.Equal(t, test.want, r.sums(aggregate.Undelivered))
		})
	}
	t.Run("not where packets found no entry", func(t *testing.T) {
		r := newRig(t, nil)
		record := lossy(0.5)
		_, d := tupleOf(flow.UDP, webAddr, dbAddr).Key()
		r.kernel.hooks = []capture.HookCounts{{Interface: record.Dir[d].DeliveredIf, Egress: true, Overflow: flow.Count{Packets: 1}}}
		r.generation(sec(1), record)
		for s := 2.0; s < 6; s++ {
			r.generation(sec(s))
		}
		require.Empty(t, r.sums(aggregate.Undelivered))
	})
}

// In the steady state nothing is allocated, whatever kind of connection it is.
func TestDrainingKnownConnectionsCostsNoMemory(t *testing.T) {
	for _, mode := range []reporter.Mode{reporter.Once, reporter.Both} {
		r := newRig(t, func(c *Config) { c.Reporter = mode })
		a, b, up := veth("a"), veth("b"), uplink()
		records := []*flow.Record{
			seen(flow.TCP, webAddr, dbAddr, sec(0.5), way{from: a, bytes: 100, to: b, delivered: 100, flags: flow.ACK}, way{from: b, bytes: 100, to: a, delivered: 100, flags: flow.ACK}),
			seen(flow.TCP, webAddr, farAddr, sec(0.5), way{from: a, bytes: 100, flags: flow.ACK}, way{to: a, delivered: 200, flags: flow.ACK}),
			seen(flow.UDP, "198.18.0.1:7", outsideAddr, sec(0.5), way{from: up, bytes: 100}, way{to: up, delivered: 200}),
			seen(flow.UDP, outsideAddr, "198.18.1.2:7", sec(0.5), way{to: a, delivered: 100}, way{from: a, bytes: 200}),
		}
		for s := 1.0; s < 4; s++ {
			r.generation(sec(s), records...)
		}
		now := sec(4)
		require.Zero(t, testing.AllocsPerRun(50, func() {
			now += second / 100
			r.kernel.now = now
			r.data.begin()
			for _, record := range records {
				r.data.record(record)
			}
			r.data.finish(capture.Report{})
		}))
	}
}
