package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Evaluator holds the facts and policies in force. Any goroutine may put facts
// in, one at a time; any may evaluate. A writer works beside the readers and
// stops them only while it publishes.
type Evaluator struct {
	maxBytes int
	changes  atomic.Uint64

	// write serialises the writers and guards what only they look into.
	write      sync.Mutex
	table      table
	namespaces map[string]*namespace
	objects    map[Ref]*object
	parts      int // of all policies: ports, peers, ranges
	ports      int // of all pods: those with names
	refused    uint64

	// mu guards what readers see.
	mu       sync.RWMutex
	pods     map[string]*pod         // by UID; without a namespace: on its node's network
	nodes    map[string]*node        // by name
	ordered  [orderedTiers][]*policy // by tier
	workload *reach                  // of the cluster: Cilium's
	applying [2][2]int               // by View-1 and Direction: policies that are about it
	removed  flow.Nanos              // when a policy of the cluster last ceased to apply
	rules    []auditRule             // of the configuration
	overfull bool                    // a policy had no room: nothing is known for sure
}

// namespace is one of which there are labels, pods or policies.
type namespace struct {
	name     string
	labels   *labelSet // nil: not known
	workload *reach    // its NetworkPolicies and Cilium's
	changed  flow.Nanos
	removed  flow.Nanos // when a policy of it last ceased to apply
	users    int        // pods and policies
}

// New makes an evaluator without facts. The configuration was validated.
func New(cfg Config) (*Evaluator, error) {
	e := &Evaluator{
		maxBytes:   cfg.MaxMemory << 20,
		namespaces: map[string]*namespace{},
		objects:    map[Ref]*object{},
		pods:       map[string]*pod{},
		nodes:      map[string]*node{},
	}
	e.table = newTable(&e.mu)
	if err := e.setRules(cfg.Rules); err != nil {
		return nil, err
	}
	return e, nil
}

// errFull is what nothing more is taken for.
var errFull = errors.New("policy: max_memory is used up")

// PutPod adds or changes a pod. now is when this was learned, unless it is known
// when the pod began to be as it is.
func (e *Evaluator) PutPod(f *Pod, now flow.Nanos) error {
	e.write.Lock()
	defer e.write.Unlock()
	old := e.pods[f.UID]
	if old == nil && e.full() {
		e.refused++
		return fmt.Errorf("pod %s: %w", f.UID, errFull)
	}
	p := &pod{node: strings.Clone(f.Node), changed: now}
	if !f.HostNetwork {
		p.namespace = e.useNamespace(f.Namespace)
		p.labels = e.table.useSet(wordsOf(f.Labels, [2]string{serviceAccountKey, f.ServiceAccount}))
		p.ports = portsOf(f.Ports)
		e.ports += len(p.ports)
	}
	if old != nil && old.same(p) {
		p.changed = old.changed
	}
	uid := strings.Clone(f.UID)
	e.mu.Lock()
	e.pods[uid] = p
	e.mu.Unlock()
	e.dropPod(old)
	return nil
}

// RemovePod forgets a pod, once nobody asks for its connections any more.
func (e *Evaluator) RemovePod(uid string) {
	e.write.Lock()
	defer e.write.Unlock()
	old := e.pods[uid]
	e.mu.Lock()
	delete(e.pods, uid)
	e.mu.Unlock()
	e.dropPod(old)
}

func portsOf(given []NamedPort) []NamedPort {
	if len(given) == 0 {
		return nil
	}
	ports := slices.Clone(given)
	for i := range ports {
		ports[i].Name = strings.Clone(ports[i].Name)
	}
	return ports
}

func (e *Evaluator) dropPod(p *pod) {
	if p != nil {
		e.ports -= len(p.ports)
		e.table.dropSet(p.labels)
		e.dropNamespace(p.namespace)
	}
}

// same tells whether policies cannot tell the two apart.
func (p *pod) same(o *pod) bool {
	return p.namespace == o.namespace && p.labels == o.labels && p.node == o.node && slices.Equal(p.ports, o.ports)
}

// PutNamespace adds or changes a namespace.
func (e *Evaluator) PutNamespace(f *Namespace, now flow.Nanos) error {
	e.write.Lock()
	defer e.write.Unlock()
	ns := e.namespaces[f.Name]
	if (ns == nil || ns.labels == nil) && e.full() {
		e.refused++
		return fmt.Errorf("namespace %s: %w", f.Name, errFull)
	}
	ns = e.useNamespace(f.Name)
	set := e.table.useSet(wordsOf(f.Labels, [2]string{namespaceNameKey, f.Name}))
	old := ns.labels
	if set != old {
		e.mu.Lock()
		ns.labels, ns.changed = set, now
		e.mu.Unlock()
	}
	if old != nil { // it was used for its labels before
		e.table.dropSet(old)
		e.dropNamespace(ns)
	}
	return nil
}

// RemoveNamespace forgets a namespace's labels.
func (e *Evaluator) RemoveNamespace(name string) {
	e.write.Lock()
	defer e.write.Unlock()
	ns := e.namespaces[name]
	if ns == nil || ns.labels == nil {
		return
	}
	old := ns.labels
	e.mu.Lock()
	ns.labels = nil
	e.mu.Unlock()
	e.table.dropSet(old)
	e.dropNamespace(ns)
}

func (e *Evaluator) useNamespace(name string) *namespace {
	ns := e.namespaces[name]
	if ns == nil {
		ns = &namespace{name: strings.Clone(name)}
		e.namespaces[ns.name] = ns
	}
	ns.users++
	return ns
}

func (e *Evaluator) dropNamespace(ns *namespace) {
	if ns == nil {
		return
	}
	if ns.users--; ns.users == 0 {
		delete(e.namespaces, ns.name)
	}
}

// PutNode adds or changes a node.
func (e *Evaluator) PutNode(f *Node) error {
	e.write.Lock()
	defer e.write.Unlock()
	old := e.nodes[f.Name]
	if old == nil && e.full() {
		e.refused++
		return fmt.Errorf("node %s: %w", f.Name, errFull)
	}
	n := &node{labels: e.table.useSet(wordsOf(f.Labels))}
	name := strings.Clone(f.Name)
	e.mu.Lock()
	e.nodes[name] = n
	e.mu.Unlock()
	if old != nil {
		e.table.dropSet(old.labels)
	}
	return nil
}

// RemoveNode forgets a node.
func (e *Evaluator) RemoveNode(name string) {
	e.write.Lock()
	defer e.write.Unlock()
	old := e.nodes[name]
	e.mu.Lock()
	delete(e.nodes, name)
	e.mu.Unlock()
	if old != nil {
		e.table.dropSet(old.labels)
	}
}

// Refs are the policies in force: what to remove when a kind is not served any more.
func (e *Evaluator) Refs() (all []Ref) {
	e.write.Lock()
	defer e.write.Unlock()
	for ref, o := range e.objects {
		if o.inForce != nil {
			all = append(all, ref)
		}
	}
	return all
}

// Changes counts the changes of policies: when it grows, connections that are open
// are to be judged again.
func (e *Evaluator) Changes() uint64 { return e.changes.Load() }
