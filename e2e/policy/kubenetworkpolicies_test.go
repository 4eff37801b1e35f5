package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	npav1alpha2 "sigs.k8s.io/kube-network-policies/plugins/npa-v1alpha2"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	npafake "sigs.k8s.io/network-policy-api/pkg/client/clientset/versioned/fake"
	npainformers "sigs.k8s.io/network-policy-api/pkg/client/informers/externalversions"

	"github.com/ebpfnet/ebpfnetreceiver/internal/policy"
	"github.com/ebpfnet/ebpfnetreceiver/internal/policy/policytest"
)

// theirs is kube-network-policies' engine with its three tiers, and its informers
// filled by hand.
type theirs struct {
	t                                            testing.TB
	pods, namespaces, nodes, policies, inCluster cache.Indexer
	engine                                       *networkpolicy.PolicyEngine
	byIP                                         map[string]*api.PodInfo
}

func newTheirs(t testing.TB) *theirs {
	core := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	admin := npainformers.NewSharedInformerFactory(npafake.NewClientset(), 0)
	w := &theirs{
		t: t, byIP: map[string]*api.PodInfo{},
		pods:       core.Core().V1().Pods().Informer().GetIndexer(),
		namespaces: core.Core().V1().Namespaces().Informer().GetIndexer(),
		nodes:      core.Core().V1().Nodes().Informer().GetIndexer(),
		policies:   core.Networking().V1().NetworkPolicies().Informer().GetIndexer(),
		inCluster:  admin.Policy().V1alpha2().ClusterNetworkPolicies().Informer().GetIndexer(),
	}
	cluster := admin.Policy().V1alpha2().ClusterNetworkPolicies()
	w.engine = networkpolicy.NewPolicyEngine(w, []api.PolicyEvaluator{
		npav1alpha2.NewClusterNetworkPolicy(v1alpha2.AdminTier, cluster, nil, core.Core().V1().Nodes().Lister()),
		networkpolicy.NewStandardNetworkPolicy("node", core.Core().V1().Namespaces(), core.Core().V1().Pods(), core.Networking().V1().NetworkPolicies()),
		npav1alpha2.NewClusterNetworkPolicy(v1alpha2.BaselineTier, cluster, nil, core.Core().V1().Nodes().Lister()),
	})
	return w
}

// GetPodInfoByIP finds who has an address, as the engine asks.
func (w *theirs) GetPodInfoByIP(ip string) (*api.PodInfo, bool) {
	p, ok := w.byIP[ip]
	return p, ok
}

func (w *theirs) allows(srcIP, dstIP string, port int, proto corev1.Protocol) bool {
	ok, err := w.engine.EvaluatePacket(context.Background(), &network.Packet{
		SrcIP: net.ParseIP(srcIP), DstIP: net.ParseIP(dstIP), SrcPort: 40000, DstPort: port, Proto: proto,
	})
	require.NoError(w.t, err)
	return ok
}

// match is a random world, known to both.
type match struct {
	r      policytest.Random
	ours   *ours
	theirs *theirs
	ips    map[string]string // by namespace/name; outside by itself
	all    []any
}

func newMatch(t testing.TB, seed uint64) *match {
	m := &match{r: policytest.New(seed), ours: newOurs(t), theirs: newTheirs(t), ips: map[string]string{}}
	namespaces := map[string]map[string]string{}
	for _, n := range []string{"n1", "n2", "n3"} {
		namespaces[n] = m.r.Labels()
		m.ours.namespace(n, namespaces[n])
		require.NoError(t, m.theirs.namespaces.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n, Labels: namespaces[n]}}))
	}
	used := map[string]bool{}
	for i := range 8 {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: policytest.Pick(m.r, "n1", "n1", "n2", "n3"), Name: fmt.Sprint("pod-", i), Labels: m.r.Labels()}}
		ip := m.r.IP()
		for ; used[ip]; ip = m.r.IP() {
		}
		used[ip] = true
		p.Status.PodIP, p.Status.PodIPs = ip, []corev1.PodIP{{IP: ip}}
		p.Spec.NodeName = "node"
		for _, name := range []string{"web", "dns"} {
			if m.r.OneIn(2) {
				p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Ports: []corev1.ContainerPort{{Name: name, ContainerPort: m.r.Port(), Protocol: m.r.Proto()}}})
			}
		}
		m.ours.pod(p)
		require.NoError(t, m.theirs.pods.Add(p))
		m.theirs.byIP[ip] = api.NewPodInfo(p, namespaces[p.Namespace], nil, "")
		m.ips[p.Namespace+"/"+p.Name] = ip
		m.all = append(m.all, p)
	}
	for len(m.ips) < 11 {
		if ip := m.r.IP(); !used[ip] {
			m.ips[ip] = ip
		}
	}
	m.all = append(m.all, namespaces)
	return m
}

func (m *match) policy(p *networkingv1.NetworkPolicy) {
	m.ours.policy(p.DeepCopy())
	require.NoError(m.theirs.t, m.theirs.policies.Add(defaulted(p)))
	m.all = append(m.all, p)
}

// defaulted is a policy as the API server completes it; the engine relies on it.
func defaulted(p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	if len(p.Spec.PolicyTypes) == 0 {
		p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(p.Spec.Egress) > 0 {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	complete := func(ports []networkingv1.NetworkPolicyPort) {
		for i := range ports {
			if tcp := corev1.ProtocolTCP; ports[i].Protocol == nil {
				ports[i].Protocol = &tcp
			}
		}
	}
	for i := range p.Spec.Ingress {
		complete(p.Spec.Ingress[i].Ports)
	}
	for i := range p.Spec.Egress {
		complete(p.Spec.Egress[i].Ports)
	}
	return p
}

func (m *match) clusterPolicy(p *v1alpha2.ClusterNetworkPolicy) {
	m.ours.object(p)
	require.NoError(m.theirs.t, m.theirs.inCluster.Add(p))
	m.all = append(m.all, p)
}

func (m *match) compare(t *testing.T, seen map[policy.Decision]int) {
	t.Helper()
	for src := range m.ips {
		for dst := range m.ips {
			if src == dst {
				continue
			}
			for range 20 {
				port, proto := m.r.Port(), m.r.Proto()
				got := m.ours.allows(src, m.ips[src], dst, m.ips[dst], int(port), proto)
				seen[got]++
				if got == policy.Unknown {
					continue // only where the API can be read in two ways
				}
				want := decision(m.theirs.allows(m.ips[src], m.ips[dst], int(port), proto))
				if want != got {
					text, _ := json.MarshalIndent(m.all, "", " ")
					t.Fatalf("%s\n%s > %s %d/%s: theirs %s, ours %s", text, src, dst, port, proto, want, got)
				}
			}
		}
	}
}

func TestKubeNetworkPoliciesOnNetworkPolicies(t *testing.T) {
	seen := map[policy.Decision]int{}
	for seed := range uint64(300) {
		m := newMatch(t, seed)
		for i := range 1 + m.r.IntN(5) {
			m.policy(m.r.NetworkPolicy(fmt.Sprint("p", i)))
		}
		m.compare(t, seen)
	}
	t.Log(seen)
	require.Zero(t, seen[policy.Unknown])
	require.Greater(t, seen[policy.Denied], 10_000)
}

func TestKubeNetworkPoliciesOnAllTiers(t *testing.T) {
	seen := map[policy.Decision]int{}
	for seed := range uint64(300) {
		m := newMatch(t, seed)
		for i := range m.r.IntN(4) {
			m.policy(m.r.NetworkPolicy(fmt.Sprint("p", i)))
		}
		for i := range 1 + m.r.IntN(4) {
			m.clusterPolicy(m.r.ClusterPolicy(fmt.Sprint("p", i), int32(i)))
		}
		m.compare(t, seen)
	}
	t.Log(seen)
	require.Greater(t, seen[policy.Denied], 10_000)
	require.Less(t, seen[policy.Unknown], seen[policy.Allowed]/20)
}

// An empty list of rules isolates ("does not allow any traffic"). Their engine
// takes one as it is decoded from YAML for "allow all"; through the API server it
// gets none.
func TestAnEmptyListOfRulesIsOursToGetRight(t *testing.T) {
	m := newMatch(t, 1)
	for _, ns := range []string{"n1", "n2", "n3"} {
		m.policy(&networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "closed"},
			Spec: networkingv1.NetworkPolicySpec{
				Ingress:     []networkingv1.NetworkPolicyIngressRule{},
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			},
		})
	}
	src, dst := "198.19.0.1", m.all[0].(*corev1.Pod)
	id := dst.Namespace + "/" + dst.Name
	require.Equal(t, policy.Denied, m.ours.allows(src, src, id, m.ips[id], 80, corev1.ProtocolTCP))
	require.True(t, m.theirs.allows(src, m.ips[id], 80, corev1.ProtocolTCP), "then it was corrected, and can be compared")
}
