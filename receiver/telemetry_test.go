//go:build linux

package receiver

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.yaml.in/yaml/v3"

	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadatatest"
)

// report is what a drain found at a pod's veth and an uplink.
func report() capture.Report {
	n := func(packets uint64) flow.Count { return flow.Count{Packets: packets, Bytes: 100 * packets} }
	return capture.Report{
		Records: 5, Length: time.Second,
		Hooks: []capture.HookCounts{
			{Interface: veth("a"), Seen: n(21), Flows: n(1), Transit: n(2), Overflow: n(3), NotIP: n(4), Malformed: n(5), Skipped: n(6)},
			{Interface: uplink(), Egress: true, Seen: n(7), Flows: n(7)},
		},
		Unobserved: []capture.Unobserved{{Interface: veth("a"), Reason: "before_attach", Count: n(9)}},
		Refused:    []capture.Refused{{Interface: veth("a"), Proto: flow.UDP, Count: n(3)}},
	}
}

type fakeCapture struct{ broken error }

func (c fakeCapture) MemoryBytes() (uint64, error) { return 4096, c.broken }

func (fakeCapture) Attached() (map[capture.AttachedKey]int, map[string]int, map[string]uint64) {
	return map[capture.AttachedKey]int{{Role: flow.PodSide, Kind: "tcx"}: 3, {Role: flow.Uplink, Kind: "xdp", Egress: true}: 1},
		map[string]int{"permission": 2}, map[string]uint64{"permission": 4}
}

func (fakeCapture) Features() []capture.Feature {
	return []capture.Feature{{Name: "conntrack_bpf"}, {Name: "conntrack_netlink", Err: errors.New("not allowed")}}
}

type fakeObjects bool

func (o fakeObjects) Enabled() bool       { return bool(o) }
func (fakeObjects) Objects() kube.Objects { return kube.Objects{Pods: 5, Nodes: 2} }

// play feeds everything that the receiver can say of itself.
func play(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, nil)
	self := r.telemetry
	require.NoError(t, self.register(fakeCapture{}, fakeObjects(true)))
	self.records.followed, self.records.aggregated = 3, 2
	self.drained(report())
	self.wokenEarly()
	self.failed("drain")
	self.dropped("logs", 12, dropQueueFull)
	self.clusterLag(2 * time.Second)
	for range 2 { // the second time nothing is new
		self.attachFailed(map[string]uint64{"permission": 4, "no_slot": 1})
		self.unobserved.set(map[string]int64{noPacketsSeen: 6, bypassed: 0})
	}
	return r
}

func points(n int64, pairs ...string) metricdata.DataPoint[int64] {
	var all []attribute.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, attribute.String(pairs[i], pairs[i+1]))
	}
	return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(all...)}
}

func TestDrainsAreAccounted(t *testing.T) {
	r := play(t)
	whenever := metricdatatest.IgnoreTimestamp()
	pod := func(n int64, more ...string) metricdata.DataPoint[int64] {
		return points(n, append(more, "interface.kind", "pod", "network.interface.direction", "ingress")...)
	}
	up := func(n int64, more ...string) metricdata.DataPoint[int64] {
		return points(n, append(more, "interface.kind", "uplink", "network.interface.direction", "egress")...)
	}
	type all = []metricdata.DataPoint[int64]
	metadatatest.AssertEqualReceiverEbpfnetSeenPackets(t, r.own, all{pod(21), up(7)}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetSeenBytes(t, r.own, all{pod(2100), up(700)}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetAccountedPackets(t, r.own, all{pod(1, "disposition", "flow"), pod(2, "disposition", "transit"),
		pod(3, "disposition", "overflow"), pod(4, "disposition", "not_ip"), pod(5, "disposition", "malformed"), pod(6, "disposition", "skipped"),
		up(7, "disposition", "flow")}, whenever)
	require.Equal(t, r.counter("seen_bytes", "", ""), r.counter("accounted_bytes", "", ""))
	metadatatest.AssertEqualReceiverEbpfnetUnobservedPackets(t, r.own, all{pod(9, "reason", "before_attach")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetUnobservedBytes(t, r.own, all{pod(900, "reason", "before_attach")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetOverflowPackets(t, r.own, all{points(3, "network.transport", "udp")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetGenerations(t, r.own, all{points(1)}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetDrainedRecords(t, r.own, all{points(5)}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetAccountedRecords(t, r.own,
		all{points(3, "disposition", "connection"), points(2, "disposition", "aggregated")}, whenever)
}

func TestTroubleIsCounted(t *testing.T) {
	r := play(t)
	whenever := metricdatatest.IgnoreTimestamp()
	type all = []metricdata.DataPoint[int64]
	metadatatest.AssertEqualReceiverEbpfnetAttachFailures(t, r.own, all{points(4, "reason", "permission"), points(1, "reason", "no_slot")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetEarlySwaps(t, r.own, all{points(1)}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetErrors(t, r.own, all{points(1, "operation", "drain")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetDroppedItems(t, r.own, all{points(12, "signal", "logs", "reason", "queue_full")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetPodsUnobserved(t, r.own,
		all{points(6, "reason", "no_packets_seen"), points(0, "reason", "bypassed")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetInterfacesFailed(t, r.own, all{points(2, "reason", "permission")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetInterfaces(t, r.own, all{
		points(3, "interface.kind", "pod", "network.interface.direction", "ingress", "hook", "tcx"),
		points(1, "interface.kind", "uplink", "network.interface.direction", "egress", "hook", "xdp")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetFeatures(t, r.own, all{
		points(1, "feature", "conntrack_bpf", "state", "loaded"),
		points(1, "feature", "conntrack_netlink", "state", "skipped", "reason", "not allowed")}, whenever)
	metadatatest.AssertEqualReceiverEbpfnetMapBytes(t, r.own, all{points(4096)}, whenever)
}

func TestStateAtACollection(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxSeries = 3 })
	require.NoError(t, r.telemetry.register(fakeCapture{}, fakeObjects(false)))
	r.generation(sec(1), seen(flow.UDP, webAddr, farAddr, sec(0.5), way{from: veth("a"), bytes: 100}, way{to: veth("a"), delivered: 100}))
	r.telemetry.collected(r.aggregator, r.table.Len())
	require.EqualValues(t, 1, r.counter("connections", "", ""))
	require.EqualValues(t, 3, r.counter("series", "", ""))
	require.Zero(t, r.counter("series_overflow", "", ""))
	r.generation(sec(2), seen(flow.UDP, webAddr, dbAddr, sec(1.5), way{from: veth("a"), bytes: 100}, way{}))
	r.telemetry.collected(r.aggregator, r.table.Len())
	require.EqualValues(t, 1, r.counter("series_overflow", "", ""))
}

// Every metric that metadata.yaml has is fed, with the attributes that it has there.
func TestEveryOwnMetricIsFed(t *testing.T) {
	data, err := os.ReadFile("../metadata.yaml")
	require.NoError(t, err)
	var metadata struct {
		Telemetry struct {
			Metrics map[string]struct{ Attributes []string }
		}
	}
	require.NoError(t, yaml.Unmarshal(data, &metadata))
	require.NotEmpty(t, metadata.Telemetry.Metrics)
	r := play(t)
	r.telemetry.collected(r.aggregator, 0)
	for name, m := range metadata.Telemetry.Metrics {
		got, err := r.own.GetMetric("otelcol_" + name)
		require.NoError(t, err)
		keys := map[string]bool{}
		for _, set := range attributesOfAll(t, got) {
			for _, a := range set.ToSlice() {
				keys[string(a.Key)] = true
				require.Contains(t, m.Attributes, string(a.Key), name)
			}
		}
		require.Len(t, keys, len(m.Attributes), name)
	}
}

func attributesOfAll(t *testing.T, m metricdata.Metrics) (all []attribute.Set) {
	t.Helper()
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			all = append(all, p.Attributes)
		}
	case metricdata.Gauge[int64]:
		for _, p := range d.DataPoints {
			all = append(all, p.Attributes)
		}
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			all = append(all, p.Attributes)
		}
	}
	require.NotEmpty(t, all, m.Name)
	return all
}

// What the receiver says of itself ends with it.
func TestOwnMetricsEndWithTheReceiver(t *testing.T) {
	r := play(t)
	r.telemetry.shutdown()
	r.telemetry.shutdown()
	_, err := r.own.GetMetric("otelcol_receiver_ebpfnet_map_bytes")
	require.Error(t, err)
}
