package policy

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// large is the cluster that the figures are promised for: 20,000 pods, none with
// the labels of another, 100 namespaces, 1,000 policies.
const (
	largePods       = 20_000
	largeNamespaces = 100
	largePolicies   = 1_000
)

func largePod(i int) *Pod {
	return &Pod{
		UID:       fmt.Sprintf("00000000-0000-4000-8000-%012d", i),
		Namespace: fmt.Sprintf("ns-%d", i%largeNamespaces),
		Node:      fmt.Sprintf("node-%d", i%500),
		Labels: map[string]string{
			"app": fmt.Sprintf("app-%d", i%2000), "tier": fmt.Sprintf("tier-%d", i%5), "pod": fmt.Sprint(i),
			"release": "stable", "pod-template-hash": fmt.Sprint(i % 4000), "app.kubernetes.io/part-of": fmt.Sprint(i % 100),
		},
		Ports: []NamedPort{{"http", flow.TCP, 8080}},
	}
}

func selecting(pairs ...string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		s.MatchLabels[pairs[i]] = pairs[i+1]
	}
	return s
}

// largePolicy selects some pods of a namespace, and lets in some of two others.
func largePolicy(i int) *networkingv1.NetworkPolicy {
	http := intstr.FromString("http")
	app := fmt.Sprintf("app-%d", i%largeNamespaces+(i/largeNamespaces)*largeNamespaces)
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("ns-%d", i%largeNamespaces), Name: fmt.Sprintf("policy-%d", i)},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: *selecting("app", app),
			Ingress: []networkingv1.NetworkPolicyIngressRule{
				{From: []networkingv1.NetworkPolicyPeer{{PodSelector: selecting("app", app, "tier", "tier-1")}},
					Ports: []networkingv1.NetworkPolicyPort{{Port: &http}}},
				{From: []networkingv1.NetworkPolicyPeer{
					{NamespaceSelector: selecting("team", fmt.Sprint(i%10)), PodSelector: selecting("tier", "tier-2")},
					{IPBlock: &networkingv1.IPBlock{CIDR: "198.18.0.0/16", Except: []string{"198.18.3.0/24"}}}}},
			},
			Egress:      []networkingv1.NetworkPolicyEgressRule{{}},
			PolicyTypes: []networkingv1.PolicyType{"Ingress", "Egress"},
		},
	}
}

func large(t testing.TB, pods, policies int) *Evaluator {
	t.Helper()
	e, err := New(NewDefaultConfig())
	require.NoError(t, err)
	for i := range largeNamespaces {
		require.NoError(t, e.PutNamespace(&Namespace{fmt.Sprintf("ns-%d", i), labelsOf(fmt.Sprintf("team=%d", i%10))}, 1))
	}
	for i := range pods {
		require.NoError(t, e.PutPod(largePod(i), 1))
	}
	for i := range policies {
		require.NoError(t, e.PutNetworkPolicy(largePolicy(i), 1))
	}
	return e
}

func between(i, j int, port uint16) *Connection {
	a, b := largePod(i), largePod(j)
	return &Connection{
		Src:  Party{Kind: flow.Pod, Pod: a.UID, Node: a.Node},
		Dst:  Party{Kind: flow.Pod, Pod: b.UID, Node: b.Node},
		Port: port, Proto: flow.TCP,
	}
}

// BenchmarkEvaluate is promised to take at most 2 µs without allocation.
func BenchmarkEvaluate(b *testing.B) {
	e := large(b, largePods, largePolicies)
	var all []*Connection
	for i := range 1000 {
		all = append(all, between(i*7%largePods, i*13%largePods, 8080))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e.Evaluate(all[i%len(all)], InForce)
	}
}

// BenchmarkEvaluateOneNamespace has 1,000 policies with subjects of their own in
// the namespace of the destination, of which a few select it.
func BenchmarkEvaluateOneNamespace(b *testing.B) {
	e := large(b, largePods, 0)
	for i := range largePolicies {
		p := largePolicy(i)
		p.Namespace = "ns-0"
		require.NoError(b, e.PutNetworkPolicy(p, 1))
	}
	c := between(100, 0, 9090)
	b.ReportAllocs()
	for b.Loop() {
		e.Evaluate(c, InForce)
	}
}

// BenchmarkEvaluateOverlapping has 1,000 policies that all select the destination,
// and of which none allows.
func BenchmarkEvaluateOverlapping(b *testing.B) {
	e := large(b, largePods, 0)
	for i := range largePolicies {
		p := largePolicy(i)
		p.Namespace, p.Spec.PodSelector = "ns-0", metav1.LabelSelector{}
		require.NoError(b, e.PutNetworkPolicy(p, 1))
	}
	c := between(3, 0, 9090)
	require.Equal(b, Denied, e.Evaluate(c, InForce).Decision)
	b.ReportAllocs()
	for b.Loop() {
		e.Evaluate(c, InForce)
	}
}

// BenchmarkLabelChange is promised to take at most 10 ms: a pod gets labels that
// no other has.
func BenchmarkLabelChange(b *testing.B) {
	e := large(b, largePods, largePolicies)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := largePod(i % largePods)
		p.Labels["pod"] = fmt.Sprint(-i)
		require.NoError(b, e.PutPod(p, 1))
	}
}

// BenchmarkNamespaceLabelChange changes the labels of a namespace with 200 pods.
func BenchmarkNamespaceLabelChange(b *testing.B) {
	e := large(b, largePods, largePolicies)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		require.NoError(b, e.PutNamespace(&Namespace{"ns-7", labelsOf(fmt.Sprintf("team=%d", i%10))}, 1))
	}
}

// BenchmarkPolicyChange brings selectors that no other policy has.
func BenchmarkPolicyChange(b *testing.B) {
	e := large(b, largePods, largePolicies)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := largePolicy(i % largePolicies)
		p.Spec.PodSelector = *selecting("app", fmt.Sprint("new-", i))
		require.NoError(b, e.PutNetworkPolicy(p, 1))
	}
}

// BenchmarkEvaluateDuringChurn has a writer that changes policies without a pause,
// which reports how long the slowest of the reader's questions took.
func BenchmarkEvaluateDuringChurn(b *testing.B) {
	e := large(b, largePods, largePolicies)
	c := between(1, 101, 8080)
	var done atomic.Bool
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; !done.Load(); i++ {
			p := largePolicy(i % largePolicies)
			p.Spec.PodSelector = *selecting("app", fmt.Sprint("new-", i))
			if err := e.PutNetworkPolicy(p, 1); err != nil {
				b.Error(err)
			}
		}
	})
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		e.Evaluate(c, InForce)
		took = append(took, time.Since(began))
	}
	done.Store(true)
	writer.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*999/1000].Nanoseconds()), "p99.9-ns")
	b.ReportMetric(float64(took[len(took)-1].Nanoseconds()), "max-ns")
}

// BenchmarkFillOverlapping loads 5,000 policies with selectors of their own that
// all select pods of one namespace.
func BenchmarkFillOverlapping(b *testing.B) {
	for b.Loop() {
		e := large(b, largePods, 0)
		for i := range 5000 {
			p := largePolicy(i)
			p.Namespace = "ns-0"
			p.Spec.PodSelector = metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{fmt.Sprint(i)}}}}
			require.NoError(b, e.PutNetworkPolicy(p, 1))
		}
	}
}

// BenchmarkFill is the start: all objects come at once.
func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		large(b, largePods, largePolicies)
	}
}

func TestTheMemoryIsReportedAsItIs(t *testing.T) {
	live := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // the weak pointers of package unique need two
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := live()
	e := large(t, 5000, 500)
	used := live() - before
	s := e.Stats()
	t.Logf("used %d bytes, estimated %d", used, s.Bytes)
	require.InDelta(t, 1, float64(s.Bytes)/float64(used), 0.5)
	require.Equal(t, Stats{
		Pods: 5000, Namespaces: largeNamespaces, Policies: 500,
		LabelSets: 5000 + largeNamespaces, Selectors: s.Selectors, Bytes: s.Bytes,
	}, s)
	runtime.KeepAlive(e)
}

func TestEvaluateDoesNotAllocate(t *testing.T) {
	e := large(t, 1000, largePolicies)
	c := between(1, 101, 8080)
	require.Zero(t, testing.AllocsPerRun(1000, func() { e.Evaluate(c, InForce) }))
}
