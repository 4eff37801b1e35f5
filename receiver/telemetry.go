//go:build linux

package receiver

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
)

const (
	transport = "ebpf"
	format    = "ebpfnet"
)

// telemetry is what the receiver says of itself. Counting is for the goroutine
// of the data; the callbacks of observed values are for any.
type telemetry struct {
	builder  *metadata.TelemetryBuilder
	observer *receiverhelper.ObsReport
	records  struct{ followed, aggregated int64 }
	attempts map[string]uint64 // to attach that failed, by reason, as counted so far
	overflow uint64
	close    sync.Once

	connections atomic.Int64
	series      atomic.Int64
	unobserved  byReason
}

// byReason are values of a gauge with the attribute reason.
type byReason struct {
	values atomic.Pointer[map[string]int64]
}

func (b *byReason) set(values map[string]int64) { b.values.Store(&values) }

func (b *byReason) observe(_ context.Context, o metric.Int64Observer) error {
	if values := b.values.Load(); values != nil {
		for reason, n := range *values {
			o.Observe(n, metric.WithAttributes(attribute.String("reason", reason)))
		}
	}
	return nil
}

func newTelemetry(settings receiver.Settings) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(settings.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	observer, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             settings.ID,
		Transport:              transport,
		LongLivedCtx:           true,
		ReceiverCreateSettings: settings,
	})
	if err != nil {
		return nil, err
	}
	return &telemetry{builder: builder, observer: observer, attempts: map[string]uint64{}}, nil
}

// drained counts what one drain found.
func (t *telemetry) drained(r capture.Report) {
	ctx, b := context.Background(), t.builder
	b.ReceiverEbpfnetGenerations.Add(ctx, 1)
	b.ReceiverEbpfnetGenerationDuration.Record(ctx, r.Length.Seconds())
	b.ReceiverEbpfnetDrainedRecords.Add(ctx, int64(r.Records))
	t.addRecords("connection", t.records.followed)
	t.addRecords("aggregated", t.records.aggregated)
	t.records.followed, t.records.aggregated = 0, 0
	for i := range r.Hooks {
		t.addHook(&r.Hooks[i])
	}
	for _, u := range r.Unobserved {
		with := metric.WithAttributes(append(at(u.Interface, u.Egress), attribute.String("reason", u.Reason))...)
		b.ReceiverEbpfnetUnobservedPackets.Add(ctx, int64(u.Count.Packets), with)
		b.ReceiverEbpfnetUnobservedBytes.Add(ctx, int64(u.Count.Bytes), with)
	}
	for _, f := range r.Refused {
		b.ReceiverEbpfnetOverflowPackets.Add(ctx, int64(f.Count.Packets),
			metric.WithAttributes(attribute.String("network.transport", flow.ProtocolName(f.Proto))))
	}
}

func (t *telemetry) addRecords(disposition string, n int64) {
	if n > 0 {
		t.builder.ReceiverEbpfnetAccountedRecords.Add(context.Background(), n,
			metric.WithAttributes(attribute.String("disposition", disposition)))
	}
}

func (t *telemetry) addHook(h *capture.HookCounts) {
	ctx, where := context.Background(), at(h.Interface, h.Egress)
	t.builder.ReceiverEbpfnetSeenPackets.Add(ctx, int64(h.Seen.Packets), metric.WithAttributes(where...))
	t.builder.ReceiverEbpfnetSeenBytes.Add(ctx, int64(h.Seen.Bytes), metric.WithAttributes(where...))
	for _, part := range []struct {
		disposition string
		count       flow.Count
	}{
		{"flow", h.Flows}, {"transit", h.Transit}, {"overflow", h.Overflow},
		{"not_ip", h.NotIP}, {"malformed", h.Malformed}, {"skipped", h.Skipped},
	} {
		if part.count.Packets == 0 {
			continue
		}
		with := metric.WithAttributes(append(where, attribute.String("disposition", part.disposition))...)
		t.builder.ReceiverEbpfnetAccountedPackets.Add(ctx, int64(part.count.Packets), with)
		t.builder.ReceiverEbpfnetAccountedBytes.Add(ctx, int64(part.count.Bytes), with)
	}
}

// at describes a hook; the slice has no room, so that appending copies.
func at(i *flow.Interface, egress bool) []attribute.KeyValue {
	direction := "ingress"
	if egress {
		direction = "egress"
	}
	return []attribute.KeyValue{
		attribute.String("interface.kind", i.Role.String()),
		attribute.String("network.interface.direction", direction),
	}
}

// collected is told of the state at a collection.
func (t *telemetry) collected(a *aggregate.Aggregator, connections int) {
	t.builder.ReceiverEbpfnetSeriesOverflow.Add(context.Background(), int64(a.Overflows()-t.overflow))
	t.overflow = a.Overflows()
	t.connections.Store(int64(connections))
	t.series.Store(int64(a.Len()))
}

// attachFailed is told how many attempts to attach failed ever, by reason.
func (t *telemetry) attachFailed(failures map[string]uint64) {
	for reason, n := range failures {
		if more := n - t.attempts[reason]; more > 0 {
			t.builder.ReceiverEbpfnetAttachFailures.Add(context.Background(), int64(more),
				metric.WithAttributes(attribute.String("reason", reason)))
			t.attempts[reason] = n
		}
	}
}

func (t *telemetry) wokenEarly() { t.builder.ReceiverEbpfnetEarlySwaps.Add(context.Background(), 1) }

// failed counts an operation that went wrong and was done without.
func (t *telemetry) failed(operation string) {
	t.builder.ReceiverEbpfnetErrors.Add(context.Background(), 1,
		metric.WithAttributes(attribute.String("operation", operation)))
}

func (t *telemetry) dropped(signal string, items int, reason string) {
	t.builder.ReceiverEbpfnetDroppedItems.Add(context.Background(), int64(items),
		metric.WithAttributes(attribute.String("signal", signal), attribute.String("reason", reason)))
}

func (t *telemetry) clusterLag(lag time.Duration) {
	t.builder.ReceiverEbpfnetKubernetesLag.Record(context.Background(), lag.Seconds())
}

func (t *telemetry) shutdown() { t.close.Do(t.builder.Shutdown) }
