package policy

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/mattfenwick/cyclonus/pkg/generator"
	"github.com/mattfenwick/cyclonus/pkg/matcher"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/policy"
)

// cyclonusWorld is the cluster that cyclonus' cases are made for: pods a, b, c in
// namespaces x, y, z that serve ports 80 and 81 of three protocols.
type cyclonusWorld struct {
	t          testing.TB
	ours       *ours
	namespaces map[string]map[string]string
	pods       map[string]*corev1.Pod
	ips        map[string]string
	policies   map[string]*networkingv1.NetworkPolicy
}

var served = []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}

func newCyclonusWorld(t testing.TB) *cyclonusWorld {
	w := &cyclonusWorld{t: t, ours: newOurs(t), namespaces: map[string]map[string]string{}, pods: map[string]*corev1.Pod{},
		ips: map[string]string{"198.18.7.7": "198.18.7.7", "198.19.7.7": "198.19.7.7"}, policies: map[string]*networkingv1.NetworkPolicy{}}
	for _, ns := range []string{"x", "y", "z"} {
		w.namespace(ns, map[string]string{"ns": ns})
		for _, pod := range []string{"a", "b", "c"} {
			w.pod(ns, pod, map[string]string{"pod": pod})
		}
	}
	return w
}

func (w *cyclonusWorld) namespace(name string, labels map[string]string) {
	w.namespaces[name] = labels
	w.ours.namespace(name, labels)
}

func (w *cyclonusWorld) pod(ns, name string, labels map[string]string) {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: labels}}
	var ports []corev1.ContainerPort
	for _, proto := range served {
		for _, n := range []int32{80, 81} {
			ports = append(ports, corev1.ContainerPort{Name: portName(int(n), proto), ContainerPort: n, Protocol: proto})
		}
	}
	p.Spec.Containers = []corev1.Container{{Ports: ports}}
	id := ns + "/" + name
	if w.pods[id] == nil {
		w.ips[id] = fmt.Sprintf("198.18.%d.%d", len(w.ips)%2, len(w.ips)+1)
	}
	w.pods[id] = p
	w.ours.pod(p)
}

func portName(n int, proto corev1.Protocol) string {
	lower := map[corev1.Protocol]string{corev1.ProtocolTCP: "tcp", corev1.ProtocolUDP: "udp", corev1.ProtocolSCTP: "sctp"}[proto]
	return fmt.Sprintf("serve-%d-%s", n, lower)
}

func (w *cyclonusWorld) do(a *generator.Action) {
	put := func(p *networkingv1.NetworkPolicy) {
		w.policies[p.Namespace+"/"+p.Name] = p
		w.ours.policy(p)
	}
	switch {
	case a.CreatePolicy != nil:
		put(a.CreatePolicy.Policy)
	case a.UpdatePolicy != nil:
		put(a.UpdatePolicy.Policy)
	case a.DeletePolicy != nil:
		delete(w.policies, a.DeletePolicy.Namespace+"/"+a.DeletePolicy.Name)
		w.ours.Remove(policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: a.DeletePolicy.Namespace, Name: a.DeletePolicy.Name}, policy.InForce, 1)
	case a.CreateNamespace != nil:
		w.namespace(a.CreateNamespace.Namespace, a.CreateNamespace.Labels)
	case a.SetNamespaceLabels != nil:
		w.namespace(a.SetNamespaceLabels.Namespace, a.SetNamespaceLabels.Labels)
	case a.DeleteNamespace != nil:
		w.ours.RemoveNamespace(a.DeleteNamespace.Namespace)
		delete(w.namespaces, a.DeleteNamespace.Namespace)
		for id, p := range w.pods {
			if p.Namespace == a.DeleteNamespace.Namespace {
				w.remove(id)
			}
		}
	case a.CreatePod != nil:
		w.pod(a.CreatePod.Namespace, a.CreatePod.Pod, a.CreatePod.Labels)
	case a.SetPodLabels != nil:
		w.pod(a.SetPodLabels.Namespace, a.SetPodLabels.Pod, a.SetPodLabels.Labels)
	case a.DeletePod != nil:
		w.remove(a.DeletePod.Namespace + "/" + a.DeletePod.Pod)
	case a.ReadNetworkPolicies != nil:
	default:
		w.t.Fatalf("an action that is not known: %+v", a)
	}
}

func (w *cyclonusWorld) remove(id string) {
	w.ours.RemovePod(id)
	delete(w.pods, id)
	delete(w.ips, id)
}

func (w *cyclonusWorld) peer(id string) *matcher.TrafficPeer {
	p := &matcher.TrafficPeer{IP: w.ips[id]}
	if pod := w.pods[id]; pod != nil {
		p.Internal = &matcher.InternalPeer{PodLabels: pod.Labels, Namespace: pod.Namespace, NamespaceLabels: w.namespaces[pod.Namespace]}
	}
	return p
}

// compare asks both about everybody calling everybody.
func (w *cyclonusWorld) compare(what string) (allowed, denied int) {
	theirs := matcher.BuildNetworkPolicies(false, slices.Collect(maps.Values(w.policies)))
	for src := range w.ips {
		for dst := range w.ips {
			if src == dst {
				continue // cyclonus does not exempt what a pod says to itself
			}
			for _, proto := range served {
				for _, n := range []int{53, 79, 80, 81, 82, 7981} {
					t := &matcher.Traffic{Source: w.peer(src), Destination: w.peer(dst), ResolvedPort: n, Protocol: proto}
					if w.pods[dst] != nil && (n == 80 || n == 81) {
						t.ResolvedPortName = portName(n, proto)
					}
					want := theirs.IsTrafficAllowed(t).IsAllowed()
					got := w.ours.allows(src, w.ips[src], dst, w.ips[dst], n, proto)
					require.Equal(w.t, decision(want), got, "%s: %s > %s %d/%s", what, src, dst, n, proto)
					if want {
						allowed++
					} else {
						denied++
					}
				}
			}
		}
	}
	return allowed, denied
}

func TestCyclonusCases(t *testing.T) {
	cases := generator.NewTestCaseGenerator(true, "198.18.0.10", []string{"x", "y", "z"}, nil, nil).GenerateAllTestCases()
	require.Greater(t, len(cases), 200)
	allowed, denied := 0, 0
	for i, c := range cases {
		w := newCyclonusWorld(t)
		for j, step := range c.Steps {
			for _, a := range step.Actions {
				w.do(a)
			}
			yes, no := w.compare(fmt.Sprintf("case %d (%s), step %d", i, c.Description, j))
			allowed, denied = allowed+yes, denied+no
		}
	}
	t.Logf("%d cases, %d connections allowed, %d denied", len(cases), allowed, denied)
	require.Greater(t, denied, 10_000)
}
