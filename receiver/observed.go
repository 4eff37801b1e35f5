//go:build linux

package receiver

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube"
)

// observable is what the capture tells at any time.
type observable interface {
	MemoryBytes() (uint64, error)
	Attached() (hooks map[capture.AttachedKey]int, failed map[string]int, failures map[string]uint64)
	Features() []capture.Feature
}

// objects is what the cluster tells at any time.
type objects interface {
	Enabled() bool
	Objects() kube.Objects
}

// register observes what has a value at any time. The callbacks run in the
// goroutine of whoever reads the collector's own metrics.
func (t *telemetry) register(c observable, w objects) error {
	b := t.builder
	simple := func(value func() int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(value())
			return nil
		}
	}
	for _, err := range []error{
		b.RegisterReceiverEbpfnetConnectionsCallback(simple(t.connections.Load)),
		b.RegisterReceiverEbpfnetSeriesCallback(simple(t.series.Load)),
		b.RegisterReceiverEbpfnetMapBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			bytes, err := c.MemoryBytes()
			if err == nil {
				o.Observe(int64(bytes))
			}
			return err
		}),
		b.RegisterReceiverEbpfnetInterfacesCallback(observeInterfaces(c)),
		b.RegisterReceiverEbpfnetInterfacesFailedCallback(observeFailed(c)),
		b.RegisterReceiverEbpfnetFeaturesCallback(observeFeatures(c)),
		b.RegisterReceiverEbpfnetKubernetesObjectsCallback(observeObjects(w)),
		b.RegisterReceiverEbpfnetPodsUnobservedCallback(t.unobserved.observe),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func observeInterfaces(c observable) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		hooks, _, _ := c.Attached()
		for key, n := range hooks {
			direction := "ingress"
			if key.Egress {
				direction = "egress"
			}
			o.Observe(int64(n), metric.WithAttributes(
				attribute.String("interface.kind", key.Role.String()),
				attribute.String("network.interface.direction", direction),
				attribute.String("hook", key.Kind)))
		}
		return nil
	}
}

func observeFailed(c observable) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		_, failed, _ := c.Attached()
		for reason, n := range failed {
			o.Observe(int64(n), metric.WithAttributes(attribute.String("reason", reason)))
		}
		return nil
	}
}

func observeFeatures(c observable) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		for _, f := range c.Features() {
			with := []attribute.KeyValue{attribute.String("feature", f.Name), attribute.String("state", "loaded")}
			if f.Err != nil {
				with[1] = attribute.String("state", "skipped")
				with = append(with, attribute.String("reason", f.Err.Error()))
			}
			o.Observe(1, metric.WithAttributes(with...))
		}
		return nil
	}
}

func observeObjects(w objects) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		if !w.Enabled() {
			return nil
		}
		known := w.Objects()
		for kind, n := range map[string]int{
			"pod": known.Pods, "ended_pod": known.Ended, "node": known.Nodes, "owner": known.Owners,
			"service": known.Services, "endpoint_slice": known.EndpointSlices,
		} {
			o.Observe(int64(n), metric.WithAttributes(attribute.String("kind", kind)))
		}
		return nil
	}
}
