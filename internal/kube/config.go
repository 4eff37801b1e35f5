package kube

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/ebpfnet/ebpfnetreceiver/internal/check"
)

// Values of Config.Mode.
const (
	ModeAuto    = "auto"    // with Kubernetes when in a cluster
	ModeRequire = "require" // outside a cluster New fails
	ModeOff     = "off"
)

// Values of Config.AuthType.
const (
	AuthServiceAccount = "serviceAccount"
	AuthKubeConfig     = "kubeConfig"
)

// Values of Config.Remote.
const (
	RemoteFull = "full" // the pods of all nodes are watched
	RemoteCIDR = "cidr" // only this node's; other pods are known by their node's range
)

// Config is the section kubernetes of the receiver's configuration.
type Config struct {
	Mode       string `mapstructure:"mode"`
	AuthType   string `mapstructure:"auth_type"`
	Kubeconfig string `mapstructure:"kubeconfig"` // path; empty: $KUBECONFIG, else ~/.kube/config
	// NodeName is this node's name in the cluster; empty: the environment's
	// K8S_NODE_NAME, else the host name.
	NodeName    string   `mapstructure:"node_name"`
	ClusterName string   `mapstructure:"cluster_name"`
	Remote      string   `mapstructure:"remote"`
	Labels      []string `mapstructure:"labels"` // keys of pod labels to copy
}

// NewDefaultConfig is what holds for keys that the user did not set.
func NewDefaultConfig() Config {
	return Config{Mode: ModeAuto, AuthType: AuthServiceAccount, Remote: RemoteFull}
}

// maxLabels bounds what a pod's identity can carry; more would be a copy of
// the API server.
const maxLabels = 32

// Validate reports every error at once, each with its key and what is allowed.
func (c Config) Validate() error {
	errs := []error{
		check.OneOf("mode", c.Mode, ModeAuto, ModeRequire, ModeOff),
		check.OneOf("auth_type", c.AuthType, AuthServiceAccount, AuthKubeConfig),
		check.OneOf("remote", c.Remote, RemoteFull, RemoteCIDR),
	}
	if c.Kubeconfig != "" && c.AuthType == AuthServiceAccount {
		errs = append(errs, fmt.Errorf("kubeconfig: is only read with auth_type: %s", AuthKubeConfig))
	}
	if c.NodeName != "" {
		for _, why := range content.IsDNS1123Subdomain(c.NodeName) {
			errs = append(errs, fmt.Errorf("node_name: %q is no name of a node: %s", c.NodeName, why))
		}
	}
	return check.All(append(errs, c.validateLabels()...)...)
}

func (c Config) validateLabels() []error {
	var errs []error
	if len(c.Labels) > maxLabels {
		errs = append(errs, fmt.Errorf("labels: at most %d keys are allowed, not %d", maxLabels, len(c.Labels)))
	}
	for i, key := range c.Labels {
		for _, why := range content.IsLabelKey(key) {
			errs = append(errs, fmt.Errorf("labels: %q is no label key: %s", key, why))
		}
		if slices.Contains(c.Labels[:i], key) {
			errs = append(errs, fmt.Errorf("labels: %q stands there twice", key))
		}
	}
	return errs
}

// nodeName is the name of this node, and empty when even the host has none.
func (c Config) nodeName() string {
	if c.NodeName != "" {
		return c.NodeName
	}
	if name := os.Getenv("K8S_NODE_NAME"); name != "" {
		return name
	}
	// An error leaves the name empty, which Start warns of.
	name, _ := os.Hostname()
	return strings.ToLower(name) // as the kubelet does
}
