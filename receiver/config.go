package receiver

import (
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/check"
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

// maxSeriesLimit keeps a collection below a gigabyte: a series has some 500 bytes here, and twice that as points.
const maxSeriesLimit = 1_000_000

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

	ResourceAttributes ResourceAttributesConfig `mapstructure:"resource_attributes"`

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

// ResourceAttributesConfig is the block `resource_attributes`: what is said of who counted.
type ResourceAttributesConfig struct {
	HostName       ResourceAttributeConfig `mapstructure:"host.name"`
	K8sClusterName ResourceAttributeConfig `mapstructure:"k8s.cluster.name"`
	K8sClusterUID  ResourceAttributeConfig `mapstructure:"k8s.cluster.uid"`
	K8sNodeName    ResourceAttributeConfig `mapstructure:"k8s.node.name"`

	_ struct{}
}

// ResourceAttributeConfig switches one of them.
type ResourceAttributeConfig struct {
	Enabled bool `mapstructure:"enabled"`

	_ struct{}
}

// builder has what mdatagen's builder of resources wants to know.
func (c *ResourceAttributesConfig) builder() *metadata.ResourceBuilder {
	config := metadata.DefaultResourceAttributesConfig()
	config.HostName.Enabled = c.HostName.Enabled
	config.K8sClusterName.Enabled = c.K8sClusterName.Enabled
	config.K8sClusterUID.Enabled = c.K8sClusterUID.Enabled
	config.K8sNodeName.Enabled = c.K8sNodeName.Enabled
	return metadata.NewResourceBuilder(config)
}

func createDefaultConfig() component.Config {
	on := ResourceAttributeConfig{Enabled: true}
	return &Config{
		CollectionInterval: 15 * time.Second,
		ErrorMode:          errorPropagate,
		Reporter:           reporter.Once,
		Capture:            capture.NewDefaultConfig(),
		Kubernetes:         kube.NewDefaultConfig(),
		FlowLogs:           FlowLogsConfig{Enabled: true, ActiveTimeout: time.Minute, IdleTimeout: 30 * time.Second},
		Metrics:            metadata.DefaultMetricsConfig(),
		MaxSeries:          20000,
		ResourceAttributes: ResourceAttributesConfig{HostName: on, K8sClusterName: on, K8sClusterUID: on, K8sNodeName: on},
	}
}

// Validate checks what concerns more than one block; the blocks check themselves.
func (c *Config) Validate() error {
	interval := check.Lasts("collection_interval", c.CollectionInterval, time.Second, 0)
	if interval == nil && c.CollectionInterval < c.Capture.FlushInterval {
		interval = fmt.Errorf("collection_interval: must not be shorter than capture::flush_interval (%s), is %s",
			c.Capture.FlushInterval, c.CollectionInterval)
	}
	return check.All(
		interval,
		check.OneOf("error_mode", c.ErrorMode, errorPropagate, errorIgnore),
		check.OneOf("reporter", c.Reporter, reporter.Once, reporter.Both),
		check.InRange("max_series", c.MaxSeries, 1, maxSeriesLimit),
		c.checkMetrics(),
	)
}

// checkMetrics refuses what mdatagen's types offer and sums of flows cannot do.
func (c *Config) checkMetrics() error {
	m := &c.Metrics
	return check.All(
		checkMetric(c, "ebpfnet.flow.packets", m.EbpfnetFlowPackets.Enabled,
			m.EbpfnetFlowPackets.AggregationStrategy, m.EbpfnetFlowPackets.EnabledAttributes),
		checkMetric(c, "ebpfnet.flow.undelivered", false, // counted at one end only
			m.EbpfnetFlowUndelivered.AggregationStrategy, m.EbpfnetFlowUndelivered.EnabledAttributes),
		checkMetric(c, "network.flow.io", m.NetworkFlowIo.Enabled,
			m.NetworkFlowIo.AggregationStrategy, m.NetworkFlowIo.EnabledAttributes),
	)
}

func checkMetric[A ~string](c *Config, name string, twice bool, strategy string, attributes []A) error {
	key := "metrics::" + name
	errs := []error{check.OneOf(key+"::aggregation_strategy", strategy, metadata.AggregationStrategySum)}
	const direction = "network.io.direction"
	if twice && c.Reporter == reporter.Both && !slices.Contains(attributes, direction) {
		errs = append(errs, fmt.Errorf("%s::attributes: with reporter both must have %s, else what both ends count is added up",
			key, direction))
	}
	return check.All(errs...)
}

// Validate reports every wrong value at once.
func (c *FlowLogsConfig) Validate() error {
	errs := []error{track.Config{ActiveTimeout: c.ActiveTimeout, IdleTimeout: c.IdleTimeout}.Validate()}
	if _, err := filter.Parse(c.Filter); err != nil {
		errs = append(errs, fmt.Errorf("filter: %w", err))
	}
	return check.All(errs...)
}
