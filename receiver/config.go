package receiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/endpoint"
	"github.com/ebpfnet/ebpfnetreceiver/internal/filter"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
	"github.com/ebpfnet/ebpfnetreceiver/internal/reporter"
	"github.com/ebpfnet/ebpfnetreceiver/internal/track"
)

// What to do when the receiver cannot start.
const (
	errorPropagate = "propagate" // the collector does not start
	errorIgnore    = "ignore"    // it is logged and reported as status; there is no data
)

// Config is the receiver's configuration. Every key has a default that works.
type Config struct {
	// CollectionInterval is the time between two emissions of metrics.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`
	// ErrorMode is propagate or ignore.
	ErrorMode string `mapstructure:"error_mode"`
	// Reporter is once (each byte counts once in the cluster) or both (at both ends).
	Reporter reporter.Mode `mapstructure:"reporter"`

	Capture    capture.Config         `mapstructure:"capture"`
	Kubernetes kube.Config            `mapstructure:"kubernetes"`
	CIDRs      endpoint.Config        `mapstructure:"cidrs"`
	FlowLogs   FlowLogsConfig         `mapstructure:"flow_logs"`
	Metrics    metadata.MetricsConfig `mapstructure:"metrics"`

	// MaxSeries bounds the series of all flow metrics together.
	MaxSeries int `mapstructure:"max_series"`

	_ struct{}
}

// FlowLogsConfig is the block `flow_logs`.
type FlowLogsConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// ActiveTimeout is the time between two events about a connection that goes on.
	ActiveTimeout time.Duration `mapstructure:"active_timeout"`
	// IdleTimeout ends connections of all protocols but TCP.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// Filter is an expression; empty lets all events pass.
	Filter string `mapstructure:"filter"`

	_ struct{}
}

func createDefaultConfig() component.Config {
	return &Config{
		CollectionInterval: 15 * time.Second,
		ErrorMode:          errorPropagate,
		Reporter:           reporter.Once,
		Capture:            capture.NewDefaultConfig(),
		Kubernetes:         kube.NewDefaultConfig(),
		FlowLogs:           FlowLogsConfig{Enabled: true, ActiveTimeout: time.Minute, IdleTimeout: 30 * time.Second},
		Metrics:            metadata.DefaultMetricsConfig(),
		MaxSeries:          20000,
	}
}

// Validate checks what concerns more than one block; the blocks check themselves.
func (c *Config) Validate() error {
	var errs []error
	if c.CollectionInterval < time.Second {
		errs = append(errs, fmt.Errorf("collection_interval: must be at least 1s, is %s", c.CollectionInterval))
	}
	if c.CollectionInterval >= time.Second && c.CollectionInterval < c.Capture.FlushInterval {
		errs = append(errs, fmt.Errorf("collection_interval: must not be shorter than capture::flush_interval (%s), is %s",
			c.Capture.FlushInterval, c.CollectionInterval))
	}
	if c.ErrorMode != errorPropagate && c.ErrorMode != errorIgnore {
		errs = append(errs, fmt.Errorf("error_mode: must be one of [%s %s], is %q", errorPropagate, errorIgnore, c.ErrorMode))
	}
	if c.Reporter != reporter.Once && c.Reporter != reporter.Both {
		errs = append(errs, fmt.Errorf("reporter: must be one of [%s %s], is %q", reporter.Once, reporter.Both, c.Reporter))
	}
	if c.MaxSeries < 1 {
		errs = append(errs, fmt.Errorf("max_series: must be at least 1, is %d", c.MaxSeries))
	}
	return errors.Join(append(errs, c.checkStrategies())...)
}

// checkStrategies refuses what mdatagen's types offer and sums of flows cannot do.
func (c *Config) checkStrategies() error {
	var errs []error
	for name, strategy := range map[string]string{
		"network.flow.io":          c.Metrics.NetworkFlowIo.AggregationStrategy,
		"ebpfnet.flow.packets":     c.Metrics.EbpfnetFlowPackets.AggregationStrategy,
		"ebpfnet.flow.undelivered": c.Metrics.EbpfnetFlowUndelivered.AggregationStrategy,
	} {
		if strategy != metadata.AggregationStrategySum {
			errs = append(errs, fmt.Errorf("metrics::%s::aggregation_strategy: must be %q, is %q",
				name, metadata.AggregationStrategySum, strategy))
		}
	}
	return errors.Join(errs...)
}

// Validate reports every wrong value at once.
func (c *FlowLogsConfig) Validate() error {
	errs := []error{track.Config{ActiveTimeout: c.ActiveTimeout, IdleTimeout: c.IdleTimeout}.Validate()}
	if _, err := filter.Parse(c.Filter); err != nil {
		errs = append(errs, fmt.Errorf("filter: %w", err))
	}
	return errors.Join(errs...)
}
