package receiver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
)

// collector is as much of the Collector's configuration as gives errors their paths.
type collector struct {
	Receivers map[component.ID]component.Config `mapstructure:"receivers"`
}

// load reads a file of testdata/config as the Collector does: defaults, decode, validate.
func load(t testing.TB, conf *confmap.Conf) (*Config, error) {
	t.Helper()
	config := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(config); err != nil {
		return nil, err
	}
	all := collector{map[component.ID]component.Config{component.NewID(metadata.Type): config}}
	return config, confmap.Validate(&all)
}

func file(t testing.TB, name string) *confmap.Conf {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("..", "testdata", "config", name+".yaml"))
	require.NoError(t, err)
	return conf
}

func TestDefaultConfig(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	config, err := load(t, confmap.New())
	require.NoError(t, err)
	require.Equal(t, createDefaultConfig(), config)
}

// The file of defaults has every key, and says what holds without it.
func TestDefaultsAreAsWritten(t *testing.T) {
	conf := file(t, "defaults")
	config, err := load(t, conf)
	require.NoError(t, err)
	want := createDefaultConfig().(*Config)
	require.Equal(t, metadata.DefaultMetricsConfig().NetworkFlowIo.EnabledAttributes, config.Metrics.NetworkFlowIo.EnabledAttributes)
	want.Metrics = config.Metrics // they remember who set them
	config.Capture.ExcludeInterfaces, config.Kubernetes.Labels, config.CIDRs = nil, nil, nil
	require.Equal(t, want, config)

	var missing []string
	all := confmap.New()
	require.NoError(t, all.Marshal(createDefaultConfig()))
	for _, key := range all.AllKeys() {
		optional := strings.HasSuffix(key, "::attributes") || strings.HasSuffix(key, "_include") || strings.HasSuffix(key, "_exclude")
		if !conf.IsSet(key) && !optional {
			missing = append(missing, key)
		}
	}
	require.Empty(t, missing)
}

func TestOtherValues(t *testing.T) {
	config, err := load(t, file(t, "other-values"))
	require.NoError(t, err)
	require.Equal(t, time.Minute, config.CollectionInterval)
	require.Equal(t, errorIgnore, config.ErrorMode)
	require.Equal(t, []string{"auto", "cali*", "eth0"}, config.Capture.Interfaces)
	require.Equal(t, []string{"192.0.2.0/24", "2001:db8::/32"}, config.CIDRs["office"])
	require.False(t, config.FlowLogs.Enabled)
	require.False(t, config.Metrics.EbpfnetFlowPackets.Enabled)
	require.Len(t, config.Metrics.NetworkFlowIo.EnabledAttributes, 2)
	require.False(t, config.ResourceAttributes.K8sClusterUID.Enabled)
	require.True(t, config.ResourceAttributes.HostName.Enabled)
}

func TestEmptyBlocksAreAsIfTheyWereNotThere(t *testing.T) {
	config, err := load(t, file(t, "empty-blocks"))
	require.NoError(t, err)
	require.Equal(t, createDefaultConfig(), config)
}

// A wrong key, value or type is refused with its path and what is allowed, all at once.
func TestWrongConfigurationIsRefused(t *testing.T) {
	for name, want := range map[string]string{
		"unknown-key": decoding + "collection_intervall: there is no such key, only " +
			"[capture cidrs collection_interval error_mode flow_logs kubernetes max_series metrics reporter resource_attributes]",
		"unknown-key-in-a-block":  decoding + "flow_logs::idle: there is no such key, only [active_timeout enabled filter idle_timeout]",
		"unknown-metric":          decoding + "metrics::network.flow.bytes: there is no such key, only [ebpfnet.flow.packets ebpfnet.flow.undelivered network.flow.io]",
		"unknown-key-of-a-metric": decoding + "metrics::network.flow.io::enable: there is no such key, only [aggregation_strategy attributes enabled]",
		"wrong-type":              decoding + `capture::max_flows: must be a whole number, is "many"`,
		"fraction":                decoding + "capture::max_connections: must be a whole number, is 1000.5",
		"value-for-a-block": decoding + "capture: must be a map of [exclude_interfaces flush_interval hook inside_pods interfaces max_connections max_flows sampling], " +
			`is "eth0"`,
		"list-for-ranges": decoding + "decoding failed due to the following error(s):\n\n" +
			"'cidrs' expected type 'endpoint.Config', got unconvertible type '[]interface {}'",
		"bad-duration":          decoding + `flow_logs::active_timeout: must be a duration such as 1m30s, is "a minute"`,
		"duration-without-unit": decoding + "collection_interval: must be a duration such as 1m30s, is 15",
		"no-truth-value":        decoding + `flow_logs::enabled: must be true or false, is "maybe"`,
		"several-misfits": decoding + "capture::hooks: there is no such key, only [exclude_interfaces flush_interval hook inside_pods interfaces max_connections max_flows sampling]\n" +
			`capture::max_flows: must be a whole number, is "many"` + "\n" +
			"capture::sampling: must be a whole number, is 1.5\n" +
			`flow_logs::active_timeout: must be a duration such as 1m30s, is "fast"` + "\n" +
			"nonsense: there is no such key, only [capture cidrs collection_interval error_mode flow_logs kubernetes max_series metrics reporter resource_attributes]",
		"negative": "receivers::ebpfnet: collection_interval: must be at least 1s, is -1s; max_series: must be from 1 to 1000000, is -1\n" +
			"receivers::ebpfnet::capture: sampling: must be from 1 to 1048576, is -1; max_flows: must be from 8 to 4194304, is -1; " +
			"max_connections: must be from 1 to 10000000, is -1; flush_interval: must be from 100ms to 1m, is -1s",
		"bad-glob": `receivers::ebpfnet::capture: interfaces: "eth[" is no name and no glob; interfaces: "" is no name and no glob; ` +
			`exclude_interfaces: "[]" is no name and no glob`,
		"no-interface": `receivers::ebpfnet::capture: interfaces: must name at least one interface, a glob or "auto"`,
		"bad-cidr": `receivers::ebpfnet::cidrs: lab: "192.0.2.0/33" is no range such as 192.0.2.0/24 or 2001:db8::/32; ` +
			`office: "192.0.2.0" is no range such as 192.0.2.0/24 or 2001:db8::/32`,
		"bad-filter": "receivers::ebpfnet::flow_logs: filter: type filter.End has no field namespce (1:8)\n" +
			` | source.namespce == "shop"` + "\n" + ` | .......^` + "\nfields: source and destination with ...",
		"bad-attribute":          "receivers::ebpfnet::metrics::network.flow.io: metric network.flow.io doesn't have an attribute source.owner, valid attributes: ...",
		"bad-strategy":           `receivers::ebpfnet: metrics::network.flow.io::aggregation_strategy: must be one of [sum], is "avg"`,
		"both-without-direction": "receivers::ebpfnet: metrics::network.flow.io::attributes: with reporter both must have network.io.direction, else what both ends count is added up",
		"collect-before-flush":   "receivers::ebpfnet: collection_interval: must not be shorter than capture::flush_interval (10s), is 5s",
		"words": `receivers::ebpfnet: error_mode: must be one of [propagate ignore], is "stop"; reporter: must be one of [once both], is "twice"` + "\n" +
			`receivers::ebpfnet::capture: hook: must be one of [auto tcx tc xdp], is "kprobe"; inside_pods: must be one of [auto off], is "on"` + "\n" +
			`receivers::ebpfnet::kubernetes: mode: must be one of [auto require off], is "on"; auth_type: must be one of [serviceAccount kubeConfig], is "token"; ` +
			`remote: must be one of [full cidr], is "half"; node_name: "Node_1" is no name of a node: ...`,
		"several-blocks": `receivers::ebpfnet: reporter: must be one of [once both], is "all"; max_series: must be from 1 to 1000000, is 0` + "\n" +
			`receivers::ebpfnet::capture: hook: must be one of [auto tcx tc xdp], is "socket"; sampling: must be from 1 to 1048576, is 0` + "\n" +
			`receivers::ebpfnet::cidrs: a range needs a name; : names no range` + "\n" +
			`receivers::ebpfnet::flow_logs: active_timeout: must be at least 1s, is 0s; idle_timeout: must be from 1s to 1h, is 2h; filter: expected bool, but got int` + "\n...",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, file(t, name))
			require.Error(t, err)
			if begin, cut := strings.CutSuffix(want, "..."); cut {
				require.Equal(t, begin, err.Error()[:min(len(begin), len(err.Error()))])
				return
			}
			require.EqualError(t, err, want)
		})
	}
}

// decoding is how the Collector's decoder begins.
const decoding = "decoding failed due to the following error(s):\n\n'' "

// Every file of the folder is in a test.
func TestFilesAreUsed(t *testing.T) {
	source, err := os.ReadFile("config_test.go")
	require.NoError(t, err)
	files, err := filepath.Glob("../testdata/config/*.yaml")
	require.NoError(t, err)
	for _, f := range files {
		require.Contains(t, string(source), `"`+strings.TrimSuffix(filepath.Base(f), ".yaml")+`"`)
	}
}
