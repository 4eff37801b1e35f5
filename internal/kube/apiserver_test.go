//go:build unix

package kube

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube/apiservertest"
)

// Users of the API server that may not do everything.
const (
	nobody  = "nobody"  // nothing, until a test allows it
	minimal = "minimal" // what is required
)

// TestAgainstAnAPIServer has one server for all tests that need one. Each makes
// a namespace and addresses of its own.
func TestAgainstAnAPIServer(t *testing.T) {
	s := apiservertest.Start(t, []string{nobody, minimal})
	for _, name := range []string{"n1", "n2"} {
		s.Create(t, "/api/v1/nodes", newNode(name, "z-"+name, "198.18.0."+name[1:], "198.18.12"+name[1:]+".0/24"))
	}
	for _, c := range []struct {
		name string
		test func(*testing.T, *apiservertest.Server)
	}{
		{"all kinds of objects are found", testAllKinds},
		{"a pod that ends or goes stays known, and no longer", testPodsThatEnd},
		{"an owner that comes later", testOwnerThatComesLater},
		{"remote by range", testRemoteByRange},
		{"only what is required is allowed", testMinimalRole},
		{"refused, then allowed", testRefusedThenAllowed},
		{"away at the start", testAwayAtTheStart},
		{"away for a while", testAwayForAWhile},
		{"an API server that hangs", testHanging},
		{"started twice", testStartedTwice},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

// watching is a Watcher under test and what it told.
type watching struct {
	*Watcher
	t    *testing.T
	logs *observer.ObservedLogs
	mu   sync.Mutex
	told []error
	lags []time.Duration
}

// begin starts a Watcher on n1 that ends with the test.
func begin(t *testing.T, s *apiservertest.Server, user, url string, change ...func(*Config)) *watching {
	t.Helper()
	cfg := NewDefaultConfig()
	cfg.Mode, cfg.NodeName = ModeRequire, "n1"
	cfg.AuthType, cfg.Kubeconfig = AuthKubeConfig, s.Kubeconfig(t, user, url)
	for _, c := range change {
		c(&cfg)
	}
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zapcore.InfoLevel)
	w := &watching{t: t, logs: logs}
	var err error
	w.Watcher, err = New(cfg, zap.New(core), Events{
		Status: func(err error) { w.mu.Lock(); w.told = append(w.told, err); w.mu.Unlock() },
		Lag:    func(d time.Duration) { w.mu.Lock(); w.lags = append(w.lags, d); w.mu.Unlock() },
	})
	require.NoError(t, err)
	w.Start()
	t.Cleanup(w.Shutdown)
	return w
}

// eventually waits for what another process has to do.
func (w *watching) eventually(done func() bool, what string) {
	w.t.Helper()
	require.Eventually(w.t, done, time.Minute, 20*time.Millisecond, what)
}

func (w *watching) synced() *watching {
	w.t.Helper()
	w.eventually(func() bool { return closed(w.Synced()) }, "synced")
	return w
}

// status is what was reported last, and how many reports there were.
func (w *watching) status() (error, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.told) == 0 {
		return nil, 0
	}
	return w.told[len(w.told)-1], len(w.told)
}

func (w *watching) find(ip string) (*flow.Endpoint, Found) {
	return w.Lookup(addr(w.t, ip), flow.Nanos(time.Now().UnixNano()))
}

// finds waits until the address is known, and says whose it is.
func (w *watching) finds(ip string) (who *flow.Endpoint) {
	w.t.Helper()
	w.eventually(func() (ok bool) {
		var found Found
		who, found = w.find(ip)
		return found == Known
	}, ip)
	return who
}

// namespace makes a namespace for the test.
func namespace(t *testing.T, s *apiservertest.Server, name string) {
	s.Create(t, "/api/v1/namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// run creates the pod and gives it the status that a kubelet would.
func run(t *testing.T, s *apiservertest.Server, namespace string, p *corev1.Pod) *corev1.Pod {
	t.Helper()
	status := p.Status
	p.ObjectMeta = metav1.ObjectMeta{Name: p.Name, OwnerReferences: p.OwnerReferences, Labels: p.Labels}
	p.Spec.Containers = []corev1.Container{{Name: "c", Image: "none"}}
	path := "/api/v1/namespaces/" + namespace + "/pods"
	s.Create(t, path, p)
	p.Status = status
	p.Status.HostIPs = nil
	p.Status.PodIP = p.Status.PodIPs[0].IP
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
	})
	s.Update(t, path+"/"+p.Name+"/status", p)
	return p
}

// allow lets the user list and watch what the rules say.
func allow(t *testing.T, s *apiservertest.Server, user string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	s.Create(t, rbac+"clusterroles", &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules})
	s.Create(t, rbac+"clusterrolebindings", &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	})
}

func required() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods", "nodes", "services"}, Verbs: []string{"list", "watch"}}
}

func admin(t *testing.T, s *apiservertest.Server, change ...func(*Config)) *watching {
	t.Helper()
	return begin(t, s, apiservertest.Admin, s.URL(), change...).synced()
}

func testStartedTwice(t *testing.T, s *apiservertest.Server) {
	for range 2 {
		w := admin(t, s)
		require.Equal(t, flow.Node, w.finds("198.18.0.1").Kind)
		w.Shutdown()
		require.Equal(t, "n1", w.finds("198.18.0.1").NodeName, "what is known stays")
	}
}
