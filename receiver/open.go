//go:build linux

package receiver

import (
	"errors"
	"os"
	"runtime/debug"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/emit"
	"github.com/ebpfnet/ebpfnetreceiver/internal/endpoint"
	"github.com/ebpfnet/ebpfnetreceiver/internal/filter"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube"
	"github.com/ebpfnet/ebpfnetreceiver/internal/track"
)

// open captures this host and joins the stages.
func (r *netReceiver) open() (*data, error) {
	captured, err := capture.New(r.config.Capture, capture.Options{NetNS: r.netNS, Logger: r.logger})
	if err != nil {
		return nil, err
	}
	r.capture = captured
	r.logFeatures(captured.Features())
	clock := newWallClock(captured.Now)
	d, err := join(r.config, captured, clusterOf(r.cluster, clock), r.nodeName(), r.telemetry, r.logger)
	if err != nil {
		return nil, errors.Join(err, captured.Close(func(*flow.Record) {}, func(capture.Report) {}))
	}
	d.clock = clock
	if r.metrics == nil {
		d.aggregator = aggregate.New(aggregate.Config{}, d.now) // nobody would ever collect
	}
	if r.cluster.Enabled() {
		d.pods = newPodWatch()
	}
	d.events.enabled = r.config.FlowLogs.Enabled && r.logs != nil
	d.events.scope = r.scope
	d.events.send = func(l plog.Logs) { r.logs.send(l) }
	return d, nil
}

// source is a kernel that knows the node's addresses, too.
type source interface {
	kernel
	endpoint.Node
}

// join makes the stages and puts them in a row.
func join(config *Config, captured source, cluster endpoint.Cluster, node string, t *telemetry,
	logger *zap.Logger) (*data, error) {
	expression, err := filter.Parse(config.FlowLogs.Filter)
	if err != nil {
		return nil, err
	}
	now := captured.Now()
	d := &data{
		config:     config,
		capture:    captured,
		clock:      newWallClock(captured.Now),
		resolver:   endpoint.New(config.CIDRs, cluster, captured, node),
		aggregator: aggregate.New(seriesConfig(config), now),
		filter:     expression,
		events:     &events{},
		telemetry:  t,
		logger:     logger,
		waiting:    map[*conn]flow.Nanos{},
		now:        now,
	}
	d.table = track.New(track.Config{
		ActiveTimeout: config.FlowLogs.ActiveTimeout,
		IdleTimeout:   config.FlowLogs.IdleTimeout,
		Capacity:      config.Capture.MaxConnections,
	}, now, track.Told[progress]{First: d.translate, Ended: d.ended, Lost: d.lost})
	return d, nil
}

func seriesConfig(c *Config) aggregate.Config {
	m := &c.Metrics
	config := aggregate.Config{MaxSeries: c.MaxSeries}
	config.Metrics[aggregate.IO] = aggregate.MetricConfig{
		Enabled: m.NetworkFlowIo.Enabled, Attributes: aggregate.Select(m.NetworkFlowIo.EnabledAttributes),
	}
	config.Metrics[aggregate.Packets] = aggregate.MetricConfig{
		Enabled: m.EbpfnetFlowPackets.Enabled, Attributes: aggregate.Select(m.EbpfnetFlowPackets.EnabledAttributes),
	}
	config.Metrics[aggregate.Undelivered] = aggregate.MetricConfig{
		Enabled:    m.EbpfnetFlowUndelivered.Enabled,
		Attributes: aggregate.Select(m.EbpfnetFlowUndelivered.EnabledAttributes),
	}
	return config
}

// logFeatures says in one line what works here and what does not.
func (r *netReceiver) logFeatures(features []capture.Feature) {
	fields := make([]zap.Field, 0, len(features))
	for _, f := range features {
		if f.Err != nil {
			fields = append(fields, zap.String(f.Name, "skipped: "+f.Err.Error()))
			continue
		}
		fields = append(fields, zap.String(f.Name, "loaded"))
	}
	r.logger.Info("capturing", fields...)
}

// nodeName names this node: as configured, or as the host is called.
func (r *netReceiver) nodeName() string { return r.cluster.Node().NodeName }

// scope is the head of every message.
func (r *netReceiver) scope() emit.Scope {
	resource := r.config.ResourceAttributes.builder()
	if host, err := os.Hostname(); err == nil {
		resource.SetHostName(host)
	}
	if r.cluster.Enabled() {
		resource.SetK8sNodeName(r.nodeName())
		name, uid := r.cluster.Cluster()
		if name != "" {
			resource.SetK8sClusterName(name)
		}
		if uid != "" {
			resource.SetK8sClusterUID(uid)
		}
	}
	return emit.Scope{
		Resource: resource.Emit(),
		Version:  version(),
		Skew:     r.data.clock.skew,
	}
}

// version is that of this module in the distribution that it is built into.
func version() string {
	const module = "github.com/ebpfnet/ebpfnetreceiver"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == module {
		return info.Main.Version
	}
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return ""
}

// clusterOf adapts the watcher to what the resolver asks.
func clusterOf(w *kube.Watcher, clock *wallClock) endpoint.Cluster {
	if !w.Enabled() {
		return nil
	}
	return cluster{w, clock}
}

type cluster struct {
	*kube.Watcher
	clock *wallClock
}

// Lookup asks on the cluster's clock, which is the time of day.
func (c cluster) Lookup(a flow.Addr, at flow.Nanos) (*flow.Endpoint, bool) {
	e, found := c.Watcher.Lookup(a, at+flow.Nanos(c.clock.skew))
	return e, found == kube.Pending
}

// clusterEvents are what the watcher tells us.
func (r *netReceiver) clusterEvents() kube.Events {
	return kube.Events{
		Status: r.hosts.health,
		Lag:    r.telemetry.clusterLag,
	}
}
