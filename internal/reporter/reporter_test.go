package reporter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// who can stand at an end, from one node's point of view.
func who() []*flow.Endpoint {
	return []*flow.Endpoint{
		{Kind: flow.Pod, Local: true},
		{Kind: flow.Pod},
		{Kind: flow.Node, Local: true},
		{Kind: flow.Node},
		{Kind: flow.Service},
		{Kind: flow.External},
	}
}

// places are the letters of the tables below.
func places() map[byte]Place {
	return map[byte]Place{'-': Nowhere, 'S': PodSends, 'N': NodeSends, 'R': PodReceives, 'A': NodeReceives}
}

func TestDecideOnce(t *testing.T) {
	forEach(t, ""+
		//            to  pod here, pod there, node here, node there, service, outside
		"pod here       S         S          S          S           S        S\n"+
		"pod there      -         -          -          -           -        -\n"+
		"node here      R         N          N          N           N        N\n"+
		"node there     -         -          -          -           -        -\n"+
		"service        -         -          -          -           -        -\n"+
		"outside        R         N          A          N           N        N\n",
		func(t *testing.T, src, dst *flow.Endpoint, cell string) {
			v := Decide(Once, src, dst, false)
			require.Equal(t, Verdict{Send: places()[cell[0]]}, v)
		})
}

func TestDecideBoth(t *testing.T) {
	forEach(t, ""+
		//            to  pod here, pod there, node here, node there, service, outside
		"pod here      S/R        S/-        S/A        S/-         S/-      S/-\n"+
		"pod there     -/R        -/-        -/A        -/-         -/-      -/-\n"+
		"node here     N/R        N/-        N/A        N/-         N/-      N/-\n"+
		"node there    -/R        -/-        -/A        -/-         -/-      -/-\n"+
		"service       -/R        -/-        -/A        -/-         -/-      -/-\n"+
		"outside       -/R        N/-        -/A        N/-         N/-      N/-\n",
		func(t *testing.T, src, dst *flow.Endpoint, cell string) {
			v := Decide(Both, src, dst, false)
			require.Equal(t, Verdict{Send: places()[cell[0]], Receive: places()[cell[2]]}, v)
		})
}

// What this node forwarded under its own address, and nobody knows for whom, is
// outside of the sum; what comes back to that address is not.
func TestNamelessIsOutsideOfTheSum(t *testing.T) {
	for i, src := range who() {
		for _, dst := range who() {
			for _, mode := range []Mode{Once, Both} {
				require.Equal(t, i == 2, Decide(mode, src, dst, true).Translated, "%v to %v, %s", src, dst, mode)
				require.False(t, Decide(mode, src, dst, false).Translated)
			}
		}
	}
}

func TestSeen(t *testing.T) {
	counts := &Counts{PodSends: {Packets: 1}, NodeSends: {Packets: 2}, PodReceives: {Packets: 3}, NodeReceives: {Packets: 4}}
	letters := map[uint64]string{1: "S", 2: "N", 3: "R", 4: "A"}
	forEach(t, ""+
		//            to  pod here, pod there, node here, node there, service, outside
		"pod here       S         S          S          S           S        S\n"+
		"pod there      R         N          A          N           N        N\n"+
		"node here      R         N          N          N           N        N\n"+
		"node there     R         N          A          N           N        N\n"+
		"service        R         N          A          N           N        N\n"+
		"outside        R         N          A          N           N        N\n",
		func(t *testing.T, src, dst *flow.Endpoint, cell string) {
			require.Equal(t, cell, letters[Seen(counts, src, dst).Packets])
		})
}

func TestLogs(t *testing.T) {
	forEach(t, ""+
		//            to  pod here, pod there, node here, node there, service, outside
		"pod here       y         y          y          y           y        y\n"+
		"pod there      n         n          n          n           n        n\n"+
		"node here      y         y          y          y           y        y\n"+
		"node there     n         n          n          n           n        n\n"+
		"service        y         n          y          n           y        y\n"+
		"outside        y         n          y          n           y        y\n",
		func(t *testing.T, src, dst *flow.Endpoint, cell string) {
			for _, c := range []flow.Connection{
				{Initiator: flow.InitiatorA, Ends: [2]*flow.Endpoint{src, dst}},
				{Initiator: flow.InitiatorB, Ends: [2]*flow.Endpoint{dst, src}},
				{Initiator: flow.UnknownInitiator, Ends: [2]*flow.Endpoint{src, dst}},
			} {
				require.Equal(t, cell == "y", Logs(&c))
			}
		})
}

// forEach reads a table with a row for each source and a column for each destination.
func forEach(t *testing.T, table string, check func(t *testing.T, src, dst *flow.Endpoint, cell string)) {
	t.Helper()
	rows := strings.Split(strings.TrimSpace(table), "\n")
	require.Len(t, rows, len(who()))
	for i, row := range rows {
		cells := strings.Fields(row[len("node there"):])
		require.Len(t, cells, len(who()))
		for j, cell := range cells {
			t.Run(strings.TrimSpace(row[:len("node there")])+" to "+strings.TrimSpace(rows[j][:len("node there")]), func(t *testing.T) {
				check(t, who()[i], who()[j], cell)
			})
		}
	}
}

func TestCountsOf(t *testing.T) {
	sent, delivered := flow.Count{Packets: 5, Bytes: 500}, flow.Count{Packets: 4, Bytes: 400}
	pod, uplink := &flow.Interface{Role: flow.PodSide}, &flow.Interface{Role: flow.Uplink}
	gone := &flow.Interface{Name: "unknown"}
	for _, test := range []struct {
		name     string
		from, to *flow.Interface
		want     Counts
	}{
		{"nowhere", nil, nil, Counts{}},
		{"pod to pod", pod, pod, Counts{PodSends: sent, PodReceives: delivered}},
		{"pod to outside", pod, nil, Counts{PodSends: sent}},
		{"through the node", uplink, uplink, Counts{NodeSends: sent, NodeReceives: delivered}},
		{"outside to pod", nil, pod, Counts{PodReceives: delivered}},
		{"at interfaces that are gone", gone, gone, Counts{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := flow.Counts{SentIf: test.from, DeliveredIf: test.to}
			if test.from != nil {
				c.Sent = sent
			}
			if test.to != nil {
				c.Delivered = delivered
			}
			require.Equal(t, test.want, CountsOf(&c))
		})
	}
}
