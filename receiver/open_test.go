//go:build linux

package receiver

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube"
)

// kubeconfig names an API server that nobody asks in these tests.
const kubeconfig = `
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
`

func receiverOf(t *testing.T, adjust func(*Config)) *netReceiver {
	t.Helper()
	outsideOfClusters(t)
	config := createDefaultConfig().(*Config)
	adjust(config)
	w, err := kube.New(config.Kubernetes, zap.NewNop(), kube.Events{})
	require.NoError(t, err)
	return &netReceiver{config: config, cluster: w, data: &data{clock: &wallClock{skew: time.Hour}}}
}

func inCluster(t *testing.T, c *Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(kubeconfig), 0o600))
	c.Kubernetes = kube.Config{Mode: kube.ModeRequire, AuthType: kube.AuthKubeConfig, Kubeconfig: path, NodeName: "node-1", ClusterName: "east", Remote: kube.RemoteFull}
}

func TestWhoCounts(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, test := range []struct {
		name   string
		adjust func(*Config)
		want   map[string]any
	}{
		{"without Kubernetes", func(*Config) {}, map[string]any{"host.name": host}},
		{"in a cluster", func(c *Config) { inCluster(t, c) },
			map[string]any{"host.name": host, "k8s.node.name": "node-1", "k8s.cluster.name": "east"}},
		{"what is switched off is not said", func(c *Config) {
			inCluster(t, c)
			c.ResourceAttributes.HostName.Enabled, c.ResourceAttributes.K8sClusterName.Enabled = false, false
		}, map[string]any{"k8s.node.name": "node-1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			scope := receiverOf(t, test.adjust).scope()
			require.Equal(t, test.want, scope.Resource.Attributes().AsRaw())
			require.Equal(t, time.Hour, scope.Skew)
		})
	}
}

func TestClusterIsAskedOnlyIfThereIsOne(t *testing.T) {
	require.Nil(t, clusterOf(receiverOf(t, func(*Config) {}).cluster, &wallClock{}))
	c := clusterOf(receiverOf(t, func(c *Config) { inCluster(t, c) }).cluster, &wallClock{})
	e, pending := c.Lookup(address("198.18.1.2"), sec(1))
	require.Nil(t, e)
	require.True(t, pending, "its lists are not in yet")
	require.Equal(t, "node-1", c.Node().OwnerName)
}

// What is configured for a metric is what is aggregated.
func TestMetricsAreConfigured(t *testing.T) {
	config, err := load(t, file(t, "other-values"))
	require.NoError(t, err)
	c := seriesConfig(config)
	require.Equal(t, 1, c.MaxSeries)
	require.Equal(t, aggregate.MetricConfig{Enabled: true, Attributes: aggregate.Direction | aggregate.SrcAddress}, c.Metrics[aggregate.IO])
	require.False(t, c.Metrics[aggregate.Packets].Enabled)
	require.Equal(t, aggregate.MetricConfig{Enabled: true}, c.Metrics[aggregate.Undelivered])
	usual := seriesConfig(createDefaultConfig().(*Config))
	require.Equal(t, usual.Metrics[aggregate.IO], usual.Metrics[aggregate.Packets], "so that they share their series")
	require.True(t, usual.Metrics[aggregate.IO].Attributes.Has(aggregate.ServerPort))
	require.False(t, usual.Metrics[aggregate.IO].Attributes.Has(aggregate.SrcPodName), "by default there are no pods in them")
}
