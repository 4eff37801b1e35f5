package policy

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// Ref names a policy object.
type Ref struct {
	Kind      string // NetworkPolicy, ..., or Rule for a rule of the configuration
	Namespace string // empty: of the cluster
	Name      string
}

// View chooses which policies are asked.
type View uint8

const (
	InForce    View = 1 << iota
	Candidates      // those in force with the candidates in their place or beside them
)

// rule is one rule of a policy in one direction.
type rule struct {
	path  string // as the object has it: ingress[2]
	does  outcomes
	ports []port // none: any
	peers []peer // none: nobody, unless anyone
	// anyone: the other end does not matter.
	anyone bool
	// opaque: something of it cannot be read. It may match anything.
	opaque bool
}

func (r *rule) matches(c *Connection, other, subject, dst *end) truth {
	if r.opaque {
		return maybe
	}
	m := no
	if len(r.ports) == 0 {
		m = yes
	}
	for i := range r.ports {
		if m = max(m, r.ports[i].matches(c, dst)); m == yes {
			break
		}
	}
	if m == no || r.anyone {
		return m
	}
	best := no
	for i := range r.peers {
		if best = max(best, r.peers[i].matches(other, subject)); best == yes {
			break
		}
	}
	return min(m, best)
}

// side is what a policy says about one direction.
type side struct {
	applies bool  // it says something at all
	isolate truth // what no rule allows is denied
	rules   []rule
}

// subject is whom a policy is about.
type subject struct {
	kind      peerKind // pods or nodes
	own       *namespace
	namespace selectorID
	pod       selectorID
	opaque    bool // it cannot be read: perhaps this one
}

func (s *subject) selects(e *end) truth {
	if s.kind == nodes {
		p := peer{kind: nodes, pod: s.pod}
		return s.orMaybe(p.selectsNode(e))
	}
	if e.class != thePod {
		return no
	}
	in := inNamespace(s.own, s.namespace, e.pod.namespace)
	if s.opaque {
		return min(in, maybe)
	}
	return min(in, truthOf(e.pod.labels.is(s.pod)))
}

func (s *subject) orMaybe(t truth) truth {
	if s.opaque {
		return maybe
	}
	return t
}

// tier is where in the order of evaluation a policy stands.
type tier uint8

const (
	admin    tier = iota // by priority: the first rule that matches decides
	baseline             // likewise, for whom no workload policy selects
	workload             // between the two: NetworkPolicy and Cilium's, as a union

	orderedTiers = 2
)

// policy is a compiled policy, or one spec of an object that has several.
// It is immutable once published, but for views.
type policy struct {
	ref      *Ref
	tier     tier
	priority int32
	changed  flow.Nanos
	views    View
	subject  subject
	sides    [2]side // by Direction
	// kubernetes: a NetworkPolicy, which does not speak of its pods' node, nor
	// of protocols without ports.
	kubernetes bool
	denies     bool // some of its rules do
	parts      int  // ports, peers and ranges, which decide about its size
}
