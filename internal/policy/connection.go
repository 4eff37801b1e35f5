package policy

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// Connection is what is judged: the initiator's first packet, after the
// translation of Service addresses. Answers belong to it and are not judged.
type Connection struct {
	Src, Dst Party
	Port     uint16 // that Dst is called at, host byte order; 0 where the protocol has none
	Proto    uint8  // IANA's number
}

// Party is one end of a connection.
type Party struct {
	// Kind is who the address is. A Service is an end of which the backend is
	// not known.
	Kind flow.Kind
	// Unresolved: the address may be of the cluster, but its object is not known.
	Unresolved bool
	Pod        string // UID of a Pod; empty, or not among the facts: some pod
	Node       string // name of a Node
	Addr       flow.Addr
}

// PartyOf is the party that an endpoint with an address is. Pending means that
// the address may turn out to be somebody else's.
func PartyOf(e *flow.Endpoint, a flow.Addr, pending bool) Party {
	return Party{
		Kind:       e.Kind,
		Unresolved: pending && e.Kind == flow.External,
		Pod:        e.PodUID,
		Node:       e.NodeName,
		Addr:       a,
	}
}

// Direction is one of the two that a connection must be allowed in.
type Direction uint8

const (
	Egress  Direction = iota // out of its source
	Ingress                  // into its destination
)

// String is the word that policies use.
func (d Direction) String() string {
	if d == Ingress {
		return "ingress"
	}
	return "egress"
}

// pod is a Pod as it is looked up. It is immutable.
type pod struct {
	namespace *namespace
	labels    *labelSet
	ports     []NamedPort
	node      string
	changed   flow.Nanos // what policies can ask of it
}

// node is a Node as it is looked up. It is immutable.
type node struct {
	labels *labelSet
}

// class says how much is known of an end.
type class uint8

const (
	unresolved class = iota // anybody
	somePod                 // a pod, and nothing else is known of it
	thePod
	theNode
	outside // of the cluster
)

// end is a Party with the facts that belong to it.
type end struct {
	class class
	pod   *pod
	facts *node  // nil: the node's labels are not known
	node  string // name of theNode
	addr  address
}

// resolve finds the facts of a party.
func (e *Evaluator) resolve(p *Party) end {
	out := end{addr: addressOf(&p.Addr)}
	switch p.Kind {
	case flow.Pod:
		out.class = somePod
		found := e.pods[p.Pod]
		if found == nil {
			return out
		}
		if found.namespace == nil { // on its node's network
			out.class, out.node, out.facts = theNode, found.node, e.nodes[found.node]
			return out
		}
		out.class, out.pod = thePod, found
	case flow.Node:
		out.class, out.node, out.facts = theNode, p.Node, e.nodes[p.Node]
	case flow.External:
		if !p.Unresolved {
			out.class = outside
		}
	}
	return out
}
