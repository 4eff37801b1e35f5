package aggregate

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	second = flow.Nanos(time.Second)
	epoch  = 1_800_000_000 * second
)

// at is a time in seconds after the tests' epoch.
func at(seconds int) flow.Nanos { return epoch + flow.Nanos(seconds)*second }

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// everything is what can be said of a direction, each attribute with a value of its own.
func everything() *Attributes {
	return &Attributes{
		Src: &flow.Endpoint{
			Kind: flow.Pod, Namespace: "src-ns", OwnerName: "src-owner", OwnerType: "Deployment", PodName: "src-pod",
			PodUID: "src-uid", NodeName: "src-node", Zone: "zone-1", CIDR: "src-cidr",
		},
		Dst: &flow.Endpoint{
			Kind: flow.Pod, Namespace: "dst-ns", OwnerName: "dst-owner", OwnerType: "StatefulSet", PodName: "dst-pod",
			PodUID: "dst-uid", NodeName: "dst-node", Zone: "zone-2", CIDR: "dst-cidr",
		},
		SrcService: "src-service", DstService: "dst-service",
		SrcAddr: addr("198.18.0.2"), DstAddr: addr("198.18.0.3"), SrcPort: 40000, DstPort: 8080, ServerPort: 80,
		Proto: flow.TCP, DSCP: 46, Initiator: InitiatorSource, IODirection: Transmit, Interface: "veth1",
	}
}

// workload is the attributes of a direction between two workloads.
func workload(src, dst string) *Attributes {
	return &Attributes{
		Src: &flow.Endpoint{Kind: flow.Pod, OwnerName: src}, Dst: &flow.Endpoint{Kind: flow.Pod, OwnerName: dst}, Proto: flow.TCP,
	}
}

// all enables each metric with a selection; the last one stands for those that are not named.
func all(max int, selections ...Selection) Config {
	c := Config{MaxSeries: max}
	for m := range c.Metrics {
		c.Metrics[m] = MetricConfig{true, selections[min(m, len(selections)-1)]}
	}
	return c
}

// add finds and adds, as one packet of 100 bytes does.
func add(a *Aggregator, attributes *Attributes, now flow.Nanos) Rows {
	r := a.Find(attributes)
	a.Add(&r, &Values{IO: 100, Packets: 1}, now)
	return r
}

// collect returns the points in words: metric, names of both ends, value, times in
// seconds and milliseconds.
func collect(a *Aggregator, now flow.Nanos) (points []string) {
	a.Collect(now, func(p Point) {
		name := "overflow"
		if !p.Series.Key.Overflow {
			name = p.Series.Key.Src.OwnerName + ">" + p.Series.Key.Dst.OwnerName
		}
		value := fmt.Sprint(p.Value)
		if p.Ended {
			value = "ended"
		}
		points = append(points, fmt.Sprintf("%s %s %s from %v to %v", [...]string{"bytes", "packets", "lost"}[p.Metric], name, value,
			time.Duration(p.Start-epoch), time.Duration(p.Time-epoch)))
	})
	return points
}

// of picks the points of one metric and series, in their order.
func of(points []string, prefix string) (picked []string) {
	for _, p := range points {
		if rest, is := strings.CutPrefix(p, prefix+" "); is {
			picked = append(picked, rest)
		}
	}
	return picked
}

func requireCount(t *testing.T, a *Aggregator, want int) {
	t.Helper()
	require.Equal(t, want, a.Len())
	count := 0
	for _, g := range a.groups {
		count += len(g.series) * len(g.metrics)
	}
	require.Equal(t, want, count, "the count is that of the series")
}
