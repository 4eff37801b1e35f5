package policy

// peer is a condition on the other end.
type peer struct {
	kind      peerKind
	own       *namespace // if set, the namespace must be it
	namespace selectorID
	pod       selectorID // or of nodes
	block     prefix
	except    []prefix
	entities  entities
}

type peerKind uint8

const (
	pods     peerKind = iota
	nodes             // by their labels
	block             // an address of the range
	outBlock          // likewise, but of nobody in the cluster (Cilium)
	entity            // Cilium's classes
	domains           // whatever a name resolves to
	outNames          // likewise, but nobody in the cluster (Cilium)
)

// matches tells whether the other end is meant, seen from the subject's.
func (p *peer) matches(other, subject *end) truth {
	switch p.kind {
	case pods:
		return p.selects(other)
	case nodes:
		return p.selectsNode(other)
	case block:
		return truthOf(p.covers(&other.addr))
	case outBlock:
		return min(outsider(other), truthOf(p.covers(&other.addr)))
	case entity:
		return p.entities.include(other, subject)
	case domains:
		return maybe
	default:
		return min(outsider(other), maybe)
	}
}

func (p *peer) covers(a *address) bool {
	if !p.block.contains(a) {
		return false
	}
	for i := range p.except {
		if p.except[i].contains(a) {
			return false
		}
	}
	return true
}

func (p *peer) selects(o *end) truth {
	switch o.class {
	case thePod:
		in := inNamespace(p.own, p.namespace, o.pod.namespace)
		return min(in, truthOf(o.pod.labels.is(p.pod)))
	case somePod:
		if p.own == nil && p.namespace == everything && p.pod == everything {
			return yes
		}
		return maybe
	case unresolved:
		return maybe
	}
	return no
}

func (p *peer) selectsNode(o *end) truth {
	switch {
	case o.class == unresolved:
		return maybe
	case o.class != theNode:
		return no
	case p.pod == everything:
		return yes
	case o.facts == nil:
		return maybe
	}
	return truthOf(o.facts.labels.is(p.pod))
}

// inNamespace tells whether ns is own, if that is set, and selected.
func inNamespace(own *namespace, id selectorID, ns *namespace) truth {
	switch {
	case own != nil && own != ns:
		return no
	case id == everything:
		return yes
	case ns.labels == nil:
		return maybe
	}
	return truthOf(ns.labels.is(id))
}

// outsider tells whether an end is one that Cilium knows by its address. Nodes
// are if it is configured so (policy-cidr-match-mode).
func outsider(o *end) truth {
	switch o.class {
	case outside:
		return yes
	case unresolved, theNode:
		return maybe
	}
	return no
}
