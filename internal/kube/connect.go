package kube

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/connrotation"
)

// errOutside says that there is no cluster around us.
var errOutside = errors.New("kube: not in a cluster: KUBERNETES_SERVICE_HOST is not set")

// credentials finds the API server and what to say to it.
func credentials(cfg Config) (*rest.Config, error) {
	if cfg.AuthType == AuthKubeConfig {
		return fromKubeconfig(cfg.Kubeconfig)
	}
	if os.Getenv("KUBERNETES_SERVICE_HOST") == "" {
		return nil, errOutside
	}
	rc, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("kube: read the service account: %w", err)
	}
	return rc, nil
}

func fromKubeconfig(path string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if path != "" {
		rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: path}
	}
	where := strings.Join(rules.GetLoadingPrecedence(), ", ")
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil)
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("kube: read kubeconfig: %w", err) // names the file
	}
	err = clientcmd.ConfirmUsable(raw, "")
	if clientcmd.IsEmptyConfig(err) {
		return nil, fmt.Errorf("kube: read kubeconfig %s: it is not there, or empty", where)
	}
	if err != nil {
		return nil, fmt.Errorf("kube: read kubeconfig %s: %w", where, err)
	}
	rc, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kube: read kubeconfig %s: %w", where, err)
	}
	return rc, nil
}

// client is one connection to the API server, shared with nobody: what another
// component of the collector does on its own is not slowed by our lists.
type client struct {
	config *rest.Config
	http   *http.Client
	conns  *connrotation.Dialer
	meta   metadata.Interface
}

// newClient makes a client; heard is told of each request whether it was
// answered.
func newClient(rc *rest.Config, heard func(error)) (*client, error) {
	rc = rest.CopyConfig(rc)
	rc.UserAgent = "ebpfnet/" + version()
	rc.QPS = -1 // a dozen requests at the start; the server's own fairness does the rest
	rc.WarningHandler = rest.NoWarnings{}
	rc.ContentType = runtime.ContentTypeProtobuf
	rc.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	dialer := net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	conns := connrotation.NewDialer(dialer.DialContext)
	rc.Dial = conns.DialContext
	rc.Wrap(func(rt http.RoundTripper) http.RoundTripper { return listening{rt, heard} })
	h, err := rest.HTTPClientFor(rc)
	if err != nil {
		return nil, fmt.Errorf("kube: make a client for %s: %w", rc.Host, err)
	}
	meta, err := metadata.NewForConfigAndClient(rc, h)
	if err != nil {
		return nil, fmt.Errorf("kube: make a metadata client for %s: %w", rc.Host, err)
	}
	return &client{config: rc, http: h, conns: conns, meta: meta}, nil
}

// group is a client for one API group, without the generated client set and
// its every type of the API.
func (c *client) group(gv schema.GroupVersion) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, discoveryv1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("kube: register the types of the API: %w", err)
		}
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	rc := rest.CopyConfig(c.config)
	rc.GroupVersion = &gv
	rc.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	rc.APIPath = "/apis"
	if gv.Group == "" {
		rc.APIPath = "/api"
	}
	r, err := rest.RESTClientForConfigAndClient(rc, c.http)
	if err != nil {
		return nil, fmt.Errorf("kube: make a client for %s: %w", gv, err)
	}
	return r, nil
}

// close ends the connections. Requests must have ended.
func (c *client) close() { c.conns.CloseAll() }

// version is this module's, as the build recorded it.
func version() string {
	const module = "github.com/ebpfnet/ebpfnetreceiver"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" {
			return m.Version
		}
	}
	return "devel"
}
