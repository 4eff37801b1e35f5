package policy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/policy/policytest"
)

var protoOf = map[corev1.Protocol]uint8{corev1.ProtocolTCP: flow.TCP, corev1.ProtocolUDP: flow.UDP, corev1.ProtocolSCTP: flow.SCTP}

// twins are the evaluator and the reference with the same facts.
type twins struct {
	t    testing.TB
	r    policytest.Random
	e    *Evaluator
	ref  *reference
	pods []*refPod
}

func newTwins(t testing.TB, seed uint64) *twins {
	e, err := New(NewDefaultConfig())
	require.NoError(t, err)
	w := &twins{t: t, r: policytest.New(seed), e: e,
		ref: &reference{namespaces: map[string]map[string]string{}, nodes: map[string]map[string]string{}}}
	for _, n := range []string{"n1", "n2", "n3"} {
		w.namespace(n)
		w.ref.nodes["node-"+n] = w.r.Labels()
		require.NoError(t, e.PutNode(&Node{"node-" + n, w.ref.nodes["node-"+n]}))
	}
	for i := range 8 {
		w.pods = append(w.pods, &refPod{name: fmt.Sprint("pod-", i)})
		w.pod(i)
	}
	return w
}

func (w *twins) namespace(name string) {
	w.ref.namespaces[name] = w.r.Labels()
	require.NoError(w.t, w.e.PutNamespace(&Namespace{name, w.ref.namespaces[name]}, 1))
}

// pod makes a pod anew, under the same name.
func (w *twins) pod(i int) {
	p := w.pods[i]
	*p = refPod{name: p.name, namespace: policytest.Pick(w.r, "n1", "n1", "n2", "n3"), node: policytest.Pick(w.r, "node-n1", "node-n2"), ip: w.r.IP(), labels: w.r.Labels(), host: w.r.OneIn(8)}
	f := &Pod{UID: p.name, Namespace: p.namespace, Labels: p.labels, Node: p.node, HostNetwork: p.host}
	for _, name := range []string{"web", "dns"} {
		if w.r.OneIn(2) {
			port := corev1.ContainerPort{Name: name, ContainerPort: w.r.Port(), Protocol: w.r.Proto()}
			p.ports = append(p.ports, port)
			f.Ports = append(f.Ports, NamedPort{name, protoOf[port.Protocol], uint16(port.ContainerPort)})
		}
	}
	require.NoError(w.t, w.e.PutPod(f, 1))
}

func (w *twins) put(o any) {
	obj, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	require.NoError(w.t, err)
	_, err = w.e.Put(obj, InForce, 1)
	require.NoError(w.t, err)
}

// policies makes all policies anew: those of the same name are replaced.
func (w *twins) policies() {
	w.ref.policies, w.ref.cluster = nil, nil
	for _, ref := range w.e.Refs() {
		if w.r.OneIn(2) {
			w.e.Remove(ref, InForce, 2)
		}
	}
	for i := range w.r.IntN(6) {
		p := w.r.NetworkPolicy(fmt.Sprint("p", i))
		w.ref.policies = append(w.ref.policies, p)
		if w.r.OneIn(2) {
			w.put(p)
		} else {
			require.NoError(w.t, w.e.PutNetworkPolicy(p, 1))
		}
	}
	for i := range w.r.IntN(4) {
		p := w.r.ClusterPolicy(fmt.Sprint("p", i), int32(i))
		w.ref.cluster = append(w.ref.cluster, p)
		w.put(p)
	}
	keep := map[Ref]bool{}
	for _, p := range w.ref.policies {
		keep[Ref{KindNetworkPolicy, p.Namespace, p.Name}] = true
	}
	for _, p := range w.ref.cluster {
		keep[Ref{KindClusterNetworkPolicy, "", p.Name}] = true
	}
	for _, ref := range w.e.Refs() {
		if !keep[ref] {
			w.e.Remove(ref, InForce, 2)
		}
	}
}

func (w *twins) end() (refEnd, Party) {
	var r refEnd
	var p Party
	switch w.r.IntN(6) {
	case 0:
		r.ip = w.r.IP()
		p.Kind = flow.External
	case 1:
		r.node, r.ip = policytest.Pick(w.r, "node-n1", "node-n2", "node-n3"), w.r.IP()
		p.Kind, p.Node = flow.Node, r.node
	default:
		r.pod = policytest.Pick(w.r, w.pods...)
		r.ip = r.pod.ip
		p.Kind, p.Pod = flow.Pod, r.pod.name
	}
	p.Addr = flow.AddrFrom(netip.MustParseAddr(r.ip))
	return r, p
}

func (w *twins) call() (*refCall, *Connection) {
	r := &refCall{port: w.r.Port(), proto: w.r.Proto()}
	c := &Connection{Port: uint16(r.port), Proto: protoOf[r.proto]}
	r.src, c.Src = w.end()
	r.dst, c.Dst = w.end()
	return r, c
}

func (w *twins) describe(r *refCall) string {
	text, _ := json.MarshalIndent(map[string]any{"policies": w.ref.policies, "cluster": w.ref.cluster, "namespaces": w.ref.namespaces, "nodes": w.ref.nodes}, "", " ")
	return fmt.Sprintf("%s\n%+v %+v\n%+v %+v\n%+v", text, r.src, r.src.pod, r.dst, r.dst.pod, r)
}

// TestAgainstTheReference compares with what the documentation says, while pods,
// namespaces and policies change.
func TestAgainstTheReference(t *testing.T) {
	seen := map[Decision]int{}
	for seed := range uint64(20) {
		w := newTwins(t, seed)
		for range 30 {
			w.policies()
			w.pod(w.r.IntN(len(w.pods)))
			w.namespace(policytest.Pick(w.r, "n1", "n2", "n3"))
			for range 60 {
				r, c := w.call()
				got := w.e.Evaluate(c, InForce)
				seen[got.Decision]++
				want := w.ref.answers(r)
				if len(want) == 2 {
					want = []Decision{Unknown}
				}
				if want[0] != got.Decision {
					t.Fatalf("seed %d: want %s, got %s\n%s", seed, want[0], short(got), w.describe(r))
				}
			}
		}
	}
	t.Log(seen)
	require.Greater(t, seen[Allowed], 1000)
	require.Greater(t, seen[Denied], 1000)
	require.Greater(t, seen[Unknown], 10)
}

// TestUnknownIsNeverAGuess adds to a rule a field that is not known. Where the
// answer is not Unknown it must be that of each reading: as if the rule were not
// there, as if it matched all, and as if the field meant nothing.
func TestUnknownIsNeverAGuess(t *testing.T) {
	changed, unknown := 0, 0
	for seed := range uint64(80) {
		w := newTwins(t, seed)
		w.policies()
		p := w.r.NetworkPolicy("opaque")
		if len(p.Spec.Ingress) == 0 {
			continue
		}
		i := w.r.IntN(len(p.Spec.Ingress))
		obj, err := runtime.DefaultUnstructuredConverter.ToUnstructured(p)
		require.NoError(t, err)
		rules := obj["spec"].(map[string]any)["ingress"].([]any)
		rules[i].(map[string]any)["moon"] = "full"
		_, err = w.e.Put(obj, InForce, 1)
		require.ErrorContains(t, err, fmt.Sprintf("spec.ingress[%d].moon", i))

		without, all := p.DeepCopy(), p.DeepCopy()
		without.Spec.Ingress = append(without.Spec.Ingress[:i:i], without.Spec.Ingress[i+1:]...)
		all.Spec.Ingress[i].From, all.Spec.Ingress[i].Ports = nil, nil
		common := w.ref.policies
		for range 100 {
			r, c := w.call()
			got := w.e.Evaluate(c, InForce)
			answers := map[Decision]bool{}
			for _, reading := range []*networkingv1.NetworkPolicy{p, without, all} {
				w.ref.policies = append(common[:len(common):len(common)], reading)
				for _, d := range w.ref.answers(r) {
					answers[d] = true
				}
			}
			if len(answers) > 1 {
				changed++
				require.Equal(t, Unknown, got.Decision, w.describe(r))
			} else if got.Decision == Unknown {
				unknown++
			} else {
				require.True(t, answers[got.Decision], w.describe(r))
			}
		}
	}
	require.Greater(t, changed, 50)
	require.Zero(t, unknown, "Unknown though each reading says the same")
}
