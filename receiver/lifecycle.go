//go:build linux

package receiver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/emit"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube"
)

var errStopped = errors.New("ebpfnet: was shut down and cannot start again")

// netReceiver is one instance, in one or two pipelines.
type netReceiver struct {
	settings  receiver.Settings
	config    *Config
	forget    func()
	logger    *zap.Logger
	telemetry *telemetry
	metrics   *sender[pmetric.Metrics] // nil: in no metrics pipeline
	logs      *sender[plog.Logs]       // nil: in no logs pipeline

	mu       sync.Mutex // held while it starts or stops
	started  bool
	startErr error
	stopped  bool

	hosts hosts
	netNS string // path of the network namespace to capture; empty but in tests

	cluster *kube.Watcher
	capture *capture.Capture
	data    *data
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func newReceiver(settings receiver.Settings, config *Config, forget func()) (*netReceiver, error) {
	t, err := newTelemetry(settings)
	if err != nil {
		return nil, err
	}
	return &netReceiver{settings: settings, config: config, forget: forget, logger: settings.Logger, telemetry: t}, nil
}

func (r *netReceiver) sendMetricsTo(next consumer.Metrics) {
	r.metrics = newMetricsSender(next, r.telemetry)
}

func (r *netReceiver) sendLogsTo(next consumer.Logs) {
	r.logs = newLogsSender(next, r.telemetry)
}

// Start starts the instance for the first pipeline that asks, and tells the
// second how that went.
func (r *netReceiver) Start(_ context.Context, host component.Host) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return errStopped
	}
	r.hosts.add(host)
	if r.started {
		return r.startErr
	}
	r.started = true
	err := r.start()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("ebpfnet: %w", err)
	if r.config.ErrorMode == errorIgnore {
		r.logger.Error("no network data: the receiver could not start", zap.Error(err))
		r.hosts.report(componentstatus.NewPermanentErrorEvent(err))
		return nil
	}
	r.startErr = err
	return err
}

func (r *netReceiver) start() (err error) {
	defer func() {
		if err != nil {
			r.release()
		}
	}()
	if r.cluster, err = kube.New(r.config.Kubernetes, r.logger, r.clusterEvents()); err != nil {
		return err
	}
	r.cluster.Start()
	if r.data, err = r.open(); err != nil {
		return err
	}
	if err = r.telemetry.register(r.capture, r.cluster); err != nil {
		return errors.Join(err, r.data.close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	if r.metrics != nil {
		r.metrics.start()
	}
	if r.logs != nil {
		r.logs.start()
	}
	r.done.Go(func() { r.run(ctx) })
	return nil
}

// run is the goroutine that all data passes.
func (r *netReceiver) run(ctx context.Context) {
	flush := time.NewTicker(r.config.Capture.FlushInterval)
	defer flush.Stop()
	collect := time.NewTicker(r.config.CollectionInterval)
	defer collect.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-flush.C:
		case <-r.capture.Wake():
			r.telemetry.wokenEarly()
			flush.Reset(r.config.Capture.FlushInterval)
		case <-collect.C:
			r.drain()
			r.collect()
			continue
		}
		r.drain()
	}
}

func (r *netReceiver) drain() {
	if err := r.data.drain(); err != nil {
		r.telemetry.failed("drain")
		r.logger.Error("cannot drain the kernel's maps", zap.Error(err))
	}
}

// collect emits the state of all series.
func (r *netReceiver) collect() {
	d := r.data
	d.telemetry.collected(d.aggregator, d.table.Len())
	_, _, failures := r.capture.Attached()
	d.telemetry.attachFailed(failures)
	if d.pods != nil {
		d.telemetry.unobserved.set(d.pods.unobserved(r.cluster.LocalPods()))
	}
	if r.metrics == nil {
		return
	}
	message := emit.NewMetrics(r.scope())
	points := 0
	d.aggregator.Collect(d.now, func(p aggregate.Point) {
		message.Add(p)
		points++
	})
	if points > 0 {
		r.metrics.send(message.Data())
	}
}

// Shutdown detaches, drains what the kernel has counted, and hands on
// everything before it returns, as far as the context lets it.
func (r *netReceiver) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil
	}
	r.stopped = true
	defer r.forget()
	var err error
	if r.cancel != nil {
		r.cancel()
		r.done.Wait()
		r.metrics.finish(ctx)
		r.logs.finish(ctx)
		err = r.data.close()
		r.collect()
		r.data = nil
		err = errors.Join(err, r.metrics.stop(ctx), r.logs.stop(ctx))
	}
	r.release()
	return err
}

func (r *netReceiver) release() {
	if r.cluster != nil {
		r.cluster.Shutdown()
		r.cluster = nil
	}
	r.telemetry.shutdown()
}
