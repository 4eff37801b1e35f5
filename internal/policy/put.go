package policy

import (
	"errors"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// The kinds of policies, as Ref.Kind has them.
const (
	KindNetworkPolicy                  = "NetworkPolicy"
	KindAdminNetworkPolicy             = "AdminNetworkPolicy"
	KindBaselineAdminNetworkPolicy     = "BaselineAdminNetworkPolicy"
	KindClusterNetworkPolicy           = "ClusterNetworkPolicy"
	KindCiliumNetworkPolicy            = "CiliumNetworkPolicy"
	KindCiliumClusterwideNetworkPolicy = "CiliumClusterwideNetworkPolicy"
	KindRule                           = "Rule" // of the configuration
)

// ErrKind says that an object is no policy of a kind and version that is evaluated.
var ErrKind = errors.New("is no policy that is evaluated")

// Put adds or changes a policy: an object of any kind as it is decoded from JSON,
// numbers as int64 or float64. With an error other than ErrKind the policy is in
// force all the same, and what of it cannot be read makes the decisions Unknown
// that depend on it.
func (e *Evaluator) Put(obj map[string]any, v View, now flow.Nanos) (Ref, error) {
	h, err := headOf(obj)
	if err != nil {
		return Ref{}, err
	}
	compile, clusterwide := compilerOf(h.apiVersion, h.kind)
	if compile == nil {
		return Ref{}, fmt.Errorf("policy: %s %s %s: %w", h.apiVersion, h.kind, h.name, ErrKind)
	}
	ref := Ref{Kind: h.kind, Namespace: h.namespace, Name: h.name}
	switch {
	case clusterwide:
		ref.Namespace = ""
	case ref.Namespace == "":
		ref.Namespace = "default" // as a client would
	}
	return ref, e.put(ref, v, h.uid, h.generation, now, func() *compiler { return compile(e, ref, obj) })
}

// PutNetworkPolicy is Put for a NetworkPolicy that is decoded already.
func (e *Evaluator) PutNetworkPolicy(o *networkingv1.NetworkPolicy, now flow.Nanos) error {
	ref := Ref{Kind: KindNetworkPolicy, Namespace: o.Namespace, Name: o.Name}
	return e.put(ref, InForce, string(o.UID), o.Generation, now, func() *compiler {
		c := e.compiler(ref, nil)
		c.networkPolicy(o)
		return c
	})
}

func (e *Evaluator) put(ref Ref, v View, uid string, generation int64, now flow.Nanos, compile func() *compiler) error {
	e.write.Lock()
	defer e.write.Unlock()
	if o := e.objects[ref]; o != nil && v == InForce && uid != "" && generation != 0 {
		// The API server counts the changes of a spec.
		if last := o.inForce; last != nil && last.uid == uid && last.generation == generation {
			return last.err
		}
	}
	next := compile().done()
	next.uid, next.generation = uid, generation
	if e.wouldFill(next.parts) {
		e.release(next)
		e.refused++
		e.mu.Lock()
		e.overfull = true
		e.mu.Unlock()
		return fmt.Errorf("policy: %s %s: no verdict is given any more: %w", ref.Kind, ref.full(), errFull)
	}
	e.install(ref, v, next, now)
	return next.err
}

// Remove forgets a policy.
func (e *Evaluator) Remove(ref Ref, v View, now flow.Nanos) {
	e.write.Lock()
	defer e.write.Unlock()
	e.install(ref, v, nil, now)
}

// compilerOf is how objects of a kind are compiled: the list of what is evaluated.
func compilerOf(apiVersion, kind string) (compile func(*Evaluator, Ref, content) *compiler, clusterwide bool) {
	switch apiVersion + " " + kind {
	case "networking.k8s.io/v1 NetworkPolicy":
		return compileAs(anyPod(workload, allow, maybe), (*compiler).networkPolicy, networkingv1.NetworkPolicy{}), false
	case "policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy":
		return compileAs(anyPod(admin, anything, no), (*compiler).adminPolicy, v1alpha1.AdminNetworkPolicy{}), true
	case "policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy":
		return compileAs(anyPod(baseline, anything, no), (*compiler).baselinePolicy, v1alpha1.BaselineAdminNetworkPolicy{}), true
	case "policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy":
		return compileAs(anyPod(admin, anything, no), (*compiler).clusterPolicy, v1alpha2.ClusterNetworkPolicy{}), true
	case "cilium.io/v2 CiliumNetworkPolicy":
		return compileCilium, false
	case "cilium.io/v2 CiliumClusterwideNetworkPolicy":
		return compileCilium, true
	}
	return nil, false
}

// compileAs compiles objects by the type of their API, and by fallback those that
// are not of that type.
func compileAs[T any](fallback func(*compiler), compile func(*compiler, *T), _ T) func(*Evaluator, Ref, content) *compiler {
	return func(e *Evaluator, ref Ref, obj content) *compiler {
		o, unread, err := decode[T](obj)
		c := e.compiler(ref, unread)
		if err != nil {
			c.fail("spec", "%w", err)
			fallback(c)
			return c
		}
		compile(c, o)
		return c
	}
}

// anyPod is a policy of which nothing can be read: it may select any pod of its
// namespace, or of the cluster.
func anyPod(t tier, does outcomes, isolate truth) func(*compiler) {
	return func(c *compiler) {
		s := subject{namespace: everything, pod: everything, opaque: true}
		if c.ref.Namespace != "" {
			s.own = c.own()
		}
		p := c.add(t, s)
		p.kubernetes = c.ref.Kind == KindNetworkPolicy
		p.sides = opaqueSides("", does, isolate)
	}
}
