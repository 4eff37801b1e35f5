package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTheDefaultsAreValid(t *testing.T) {
	require.NoError(t, NewDefaultConfig().Validate())
	require.Equal(t, Config{Mode: "auto", AuthType: "serviceAccount", Remote: "full"}, NewDefaultConfig())
}

func TestAllThatIsWrongIsNamedAtOnce(t *testing.T) {
	err := Config{
		Mode: "on", AuthType: "token", Remote: "half", NodeName: "Node_1",
		Labels: []string{"app", "no good", "app"},
	}.Validate()
	require.Error(t, err)
	for _, want := range []string{
		`mode: must be one of [auto require off], is "on"`,
		`auth_type: must be one of [serviceAccount kubeConfig], is "token"`,
		`remote: must be one of [full cidr], is "half"`,
		`node_name: "Node_1" is no name of a node: `,
		`labels: "no good" is no label key: `,
		`labels: "app" stands there twice`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestAKubeconfigThatNobodyReadsIsRefused(t *testing.T) {
	cfg := NewDefaultConfig()
	cfg.Kubeconfig = "config"
	require.EqualError(t, cfg.Validate(), "kubeconfig: is only read with auth_type: kubeConfig")
}

func TestLabelsAreBounded(t *testing.T) {
	cfg := NewDefaultConfig()
	for i := range maxLabels + 1 {
		cfg.Labels = append(cfg.Labels, strings.Repeat("x", i+1))
	}
	require.EqualError(t, cfg.Validate(), "labels: at most 32 keys are allowed, not 33")
}

func TestTheNodesName(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	t.Setenv("K8S_NODE_NAME", "")
	require.Equal(t, strings.ToLower(host), Config{}.nodeName())
	t.Setenv("K8S_NODE_NAME", "from-env")
	require.Equal(t, "from-env", Config{}.nodeName())
	require.Equal(t, "from-config", Config{NodeName: "from-config"}.nodeName())
}

// outside makes the test's process believe that it is in no cluster.
func outside(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBERNETES_SERVICE_PORT", "")
	t.Setenv("KUBECONFIG", "")
	t.Setenv("HOME", t.TempDir())
}

func TestWithoutAClusterItWorksAndSaysSoOnce(t *testing.T) {
	outside(t)
	for mode, said := range map[string]int{ModeAuto: 1, ModeOff: 0} {
		core, logs := observer.New(zap.InfoLevel)
		cfg := NewDefaultConfig()
		cfg.Mode, cfg.NodeName, cfg.ClusterName = mode, "n1", "east"
		w, err := New(cfg, zap.New(core), Events{})
		require.NoError(t, err)
		w.Start()
		<-w.Synced()
		who, found := w.Lookup(addr(t, "198.18.128.7"), second(0))
		require.Nil(t, who)
		require.Equal(t, Outside, found)
		require.Equal(t, "n1", w.Node().NodeName)
		require.True(t, w.UnnamedPod().Local)
		name, uid := w.Cluster()
		require.Equal(t, "east", name)
		require.Empty(t, uid)
		require.Zero(t, w.Objects())
		for range w.LocalPods() {
			t.Error("there are no pods")
		}
		w.Shutdown()
		require.Equal(t, said, logs.Len(), mode)
	}
}

func TestCredentialsThatAreMissingAreNamed(t *testing.T) {
	outside(t)
	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(broken, []byte("{nonsense"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	dangling := filepath.Join(t.TempDir(), "dangling")
	require.NoError(t, os.WriteFile(dangling, []byte(`{"clusters":[{"name":"c","cluster":{"server":"https://x"}}],"contexts":[{"name":"d","context":{"cluster":"c","user":"nobody"}}],"current-context":"d"}`), 0o600))
	for name, c := range map[string]struct {
		cfg  Config
		host string
		want []string
	}{
		"no cluster":               {Config{Mode: ModeRequire, AuthType: AuthServiceAccount}, "", []string{"not in a cluster", "KUBERNETES_SERVICE_HOST"}},
		"no service account token": {Config{Mode: ModeAuto, AuthType: AuthServiceAccount}, "198.19.0.1", []string{"kube: read the service account", "serviceaccount/token"}},
		"no such kubeconfig":       {Config{Mode: ModeAuto, AuthType: AuthKubeConfig, Kubeconfig: "/nowhere/config"}, "", []string{"kube: read kubeconfig", "/nowhere/config"}},
		"broken kubeconfig":        {Config{Mode: ModeAuto, AuthType: AuthKubeConfig, Kubeconfig: broken}, "", []string{"kube: read kubeconfig", broken}},
		"empty kubeconfig":         {Config{Mode: ModeAuto, AuthType: AuthKubeConfig, Kubeconfig: empty}, "", []string{"kube: read kubeconfig", empty}},
		"context without its user": {Config{Mode: ModeAuto, AuthType: AuthKubeConfig, Kubeconfig: dangling}, "", []string{"kube: read kubeconfig", "nobody"}},
		"no kubeconfig anywhere":   {Config{Mode: ModeAuto, AuthType: AuthKubeConfig}, "", []string{"kube: read kubeconfig", ".kube/config"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat("/var/run/secrets/kubernetes.io/serviceaccount/token"); err == nil && c.host != "" {
				t.Skip("this machine is a pod with a token")
			}
			t.Setenv("KUBERNETES_SERVICE_HOST", c.host)
			t.Setenv("KUBERNETES_SERVICE_PORT", "443")
			_, err := New(c.cfg, zap.NewNop(), Events{})
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}
