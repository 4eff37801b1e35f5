//go:build linux

package receiver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/emit"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadatatest"
)

const (
	second = flow.Nanos(time.Second)
	epoch  = 1_800_000_000 * second
)

// sec is a time in seconds after the tests' epoch.
func sec(seconds float64) flow.Nanos { return epoch + flow.Nanos(seconds*float64(second)) }

// fakeKernel hands out generations that the test wrote.
type fakeKernel struct {
	now        flow.Nanos
	records    []*flow.Record
	hooks      []capture.HookCounts
	conntrack  map[flow.Tuple]*flow.Translation
	broken     error // of conntrack
	asked      int
	own        map[string]bool
	lastDrains [][]*flow.Record // at the end
}

func (k *fakeKernel) Now() flow.Nanos { return k.now }

func (k *fakeKernel) Drain(f func(*flow.Record)) (capture.Report, error) {
	report := capture.Report{Records: len(k.records), Length: time.Second, Hooks: k.hooks}
	for _, r := range k.records {
		f(r)
	}
	k.records, k.hooks = nil, nil
	return report, nil
}

func (k *fakeKernel) Close(f func(*flow.Record), done func(capture.Report)) error {
	for range 2 {
		report, _ := k.Drain(f)
		done(report)
	}
	return nil
}

func (k *fakeKernel) Translation(t flow.Tuple) (*flow.Translation, error) {
	k.asked++
	return k.conntrack[t], k.broken
}

func (k *fakeKernel) IsOwn(a flow.Addr) bool { return k.own[a.Netip().String()] }

// someCluster has objects by address; those in pending may become known later.
type someCluster struct {
	objects map[string]*flow.Endpoint
	pending map[string]bool
}

func (c someCluster) Lookup(a flow.Addr, _ flow.Nanos) (*flow.Endpoint, bool) {
	address := a.Netip().String()
	return c.objects[address], c.pending[address]
}

func (c someCluster) Node() *flow.Endpoint       { return c.objects["198.18.0.1"] }
func (c someCluster) UnnamedPod() *flow.Endpoint { return c.objects["unnamed"] }

// rig is the path of data with a kernel and a cluster of the test's.
type rig struct {
	*data
	t       *testing.T
	kernel  *fakeKernel
	cluster someCluster
	own     *componenttest.Telemetry
	logs    []string
}

// newRig makes a node n1 (198.18.0.1) with pods web (198.18.1.2) and db (198.18.1.3), far (198.18.2.2)
// on another node, and Service api (198.19.0.10).
func newRig(t *testing.T, adjust func(*Config)) *rig {
	t.Helper()
	config := createDefaultConfig().(*Config)
	if adjust != nil {
		adjust(config)
	}
	pod := func(name string, local bool) *flow.Endpoint {
		return &flow.Endpoint{Kind: flow.Pod, Local: local, OwnerName: name, OwnerType: "Deployment", PodUID: name}
	}
	r := &rig{
		t:      t,
		kernel: &fakeKernel{now: sec(0), conntrack: map[flow.Tuple]*flow.Translation{}, own: map[string]bool{"198.18.0.1": true}},
		cluster: someCluster{pending: map[string]bool{}, objects: map[string]*flow.Endpoint{
			"198.18.1.2": pod("web", true), "198.18.1.3": pod("db", true), "198.18.2.2": pod("far", false),
			"198.19.0.10": {Kind: flow.Service, OwnerName: "api", OwnerType: "Service", Service: "api"},
			"198.18.0.1":  {Kind: flow.Node, Local: true, OwnerName: "n1", OwnerType: "Node"},
			"unnamed":     {Kind: flow.Pod, Local: true},
		}},
		own: componenttest.NewTelemetry(),
	}
	t.Cleanup(func() { require.NoError(t, r.own.Shutdown(context.Background())) })
	self, err := newTelemetry(metadatatest.NewSettings(r.own))
	require.NoError(t, err)
	t.Cleanup(self.shutdown)
	r.data, err = join(config, r.kernel, r.cluster, "n1", self, zaptest.NewLogger(t))
	require.NoError(t, err)
	r.data.pods = newPodWatch()
	r.data.events = &events{enabled: true, scope: func() emit.Scope { return emit.Scope{} }, send: r.keep}
	return r
}

// keep writes events down: state, ends and bytes there and back.
func (r *rig) keep(l plog.Logs) {
	records := l.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := range records.Len() {
		a := records.At(i).Attributes()
		text := func(name string) string {
			if v, there := a.Get(name); there {
				return v.AsString()
			}
			return ""
		}
		r.logs = append(r.logs, fmt.Sprintf("%s %s>%s %s/%s", text("ebpfnet.flow.state"),
			text("source.k8s.owner.name"), text("destination.k8s.owner.name"),
			text("ebpfnet.flow.source.bytes"), text("ebpfnet.flow.destination.bytes")))
	}
}

// generation drains records at a time.
func (r *rig) generation(now flow.Nanos, records ...*flow.Record) {
	r.t.Helper()
	r.kernel.now = now
	r.kernel.records = records
	require.NoError(r.t, r.drain())
}

// series are the bytes of all series: source>destination service:port, and what else is said.
func (r *rig) series() map[string]uint64 {
	return r.sums(aggregate.IO)
}

func (r *rig) sums(metric aggregate.Metric) map[string]uint64 {
	sums := map[string]uint64{}
	r.aggregator.Collect(r.data.now, func(p aggregate.Point) {
		if p.Metric != metric || p.Value == 0 {
			return
		}
		k := &p.Series.Key
		if k.Overflow {
			sums["overflow"] = p.Value
			return
		}
		name := fmt.Sprintf("%s>%s %s:%d %s", describe(k.Src), describe(k.Dst), k.Dst.Service, k.ServerPort, k.Direction)
		if k.Translated {
			name += "translated"
		}
		sums[strings.TrimSpace(name)] += p.Value
	})
	return sums
}

// way is one direction of a record: bytes at the source's side and at the destination's.
type way struct {
	from        *flow.Interface
	bytes       uint64
	to          *flow.Interface
	delivered   uint64
	flags       uint8
	sawFirst    bool
	handshaking bool
}

// seen makes a record in the words of the tuple's sender: a packet has 100 bytes.
func seen(proto uint8, src, dst string, start flow.Nanos, forward, back way) *flow.Record {
	t := tupleOf(proto, src, dst)
	r := &flow.Record{Start: start}
	var d flow.Direction
	r.Key, d = t.Key()
	r.First = d
	for i, w := range []way{forward, back} {
		dir := d
		if i == 1 {
			dir = d.Reverse()
		}
		c := &r.Dir[dir]
		c.Flags = w.flags
		if w.flags&flow.SYN != 0 && w.flags&flow.ACK == 0 {
			r.SYN, r.SYNDir = start, dir
		}
		if w.flags&flow.FIN != 0 {
			c.FINs = 1
		}
		if w.from != nil {
			c.SentIf, c.Sent = w.from, flow.Count{Packets: w.bytes / 100, Bytes: w.bytes}
		}
		if w.to != nil {
			c.DeliveredIf, c.Delivered = w.to, flow.Count{Packets: w.delivered / 100, Bytes: w.delivered}
		}
		if w.sawFirst {
			r.First = dir
		}
	}
	return r
}

func tupleOf(proto uint8, src, dst string) flow.Tuple {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return flow.Tuple{Src: flow.AddrFrom(s.Addr()), Dst: flow.AddrFrom(d.Addr()), SrcPort: s.Port(), DstPort: d.Port(), Proto: proto}
}

// veth is a pod's side of which all packets are seen; uplink likewise.
func veth(name string) *flow.Interface { return &flow.Interface{Name: name, Role: flow.PodSide} }
func uplink() *flow.Interface          { return &flow.Interface{Name: "eth0", Role: flow.Uplink} }

func sorted(s []string) []string { slices.Sort(s); return s }

// counter reads an own metric: the sum of its points, or of those with an attribute.
func (r *rig) counter(name, key, value string) (sum int64) {
	r.t.Helper()
	m, err := r.own.GetMetric("otelcol_receiver_ebpfnet_" + name)
	if err != nil {
		return 0
	}
	var points []metricdata.DataPoint[int64]
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		points = d.DataPoints
	case metricdata.Gauge[int64]:
		points = d.DataPoints
	}
	for _, p := range points {
		if v, _ := p.Attributes.Value(attribute.Key(key)); key == "" || v.AsString() == value {
			sum += p.Value
		}
	}
	return sum
}

// count is the sum of an own metric's points.
func count(t *testing.T, own *componenttest.Telemetry, name string) int64 {
	t.Helper()
	return (&rig{t: t, own: own}).counter(name, "", "")
}
