package endpoint

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Cluster knows Kubernetes objects by address.
type Cluster interface {
	// Lookup returns who had the address then, nil if it is none of the cluster's. With
	// pending the object is not known yet, but the address is of the cluster's ranges.
	Lookup(a flow.Addr, at flow.Nanos) (e *flow.Endpoint, pending bool)
	// Node is this node.
	Node() *flow.Endpoint
	// UnnamedPod is a pod of this node of which no more is known.
	UnnamedPod() *flow.Endpoint
}

// Node knows the addresses of this node.
type Node interface {
	IsOwn(a flow.Addr) bool
}

// localisedAtMost bounds the endpoints whose place the cluster does not know.
const localisedAtMost = 4096

// Resolver is for one goroutine.
type Resolver struct {
	cluster   Cluster // nil without Kubernetes
	node      Node
	ranges    bart.Table[*flow.Endpoint]
	outside   *flow.Endpoint
	nameless  *flow.Endpoint // a pod of this node, and nothing else is known
	self      *flow.Endpoint // this node, without Kubernetes
	localised map[*flow.Endpoint]*flow.Endpoint
}

// New makes a resolver; the configuration was validated. nodeName names this
// node where the cluster does not.
func New(config Config, cluster Cluster, node Node, nodeName string) *Resolver {
	r := &Resolver{
		cluster:   cluster,
		node:      node,
		outside:   &flow.Endpoint{Kind: flow.External},
		nameless:  &flow.Endpoint{Kind: flow.Pod, Local: true, NodeName: nodeName},
		self:      &flow.Endpoint{Kind: flow.Node, Local: true, NodeName: nodeName, OwnerName: nodeName, OwnerType: "Node"},
		localised: map[*flow.Endpoint]*flow.Endpoint{},
	}
	for name, ranges := range config {
		named := &flow.Endpoint{Kind: flow.External, CIDR: name}
		for _, s := range ranges {
			if p, err := netip.ParsePrefix(s); err == nil {
				r.ranges.Insert(p.Masked(), named)
			}
		}
	}
	return r
}

// Resolve says who had an address at a time. behind tells that packets of it were
// seen at a pod's veth of this node. With wait, the cluster may know more soon; the
// endpoint is what to say if it does not.
func (r *Resolver) Resolve(a flow.Addr, at flow.Nanos, behind bool) (e *flow.Endpoint, wait bool) {
	if r.cluster != nil {
		known, pending := r.cluster.Lookup(a, at)
		if known != nil && !pending {
			return r.localise(known, behind), false
		}
		switch {
		case r.node.IsOwn(a):
		case known != nil:
			return r.localise(known, behind), true
		case behind:
			return r.cluster.UnnamedPod(), true
		case pending:
			return r.outsider(a), true
		}
	}
	switch {
	case r.node.IsOwn(a):
		return r.thisNode(), false
	case behind:
		return r.nameless, false
	}
	return r.outsider(a), false
}

// outsider is who has an address that is none of the cluster's.
func (r *Resolver) outsider(a flow.Addr) *flow.Endpoint {
	if named, ok := r.ranges.Lookup(a.Netip()); ok {
		return named
	}
	return r.outside
}

func (r *Resolver) thisNode() *flow.Endpoint {
	if r.cluster != nil {
		if n := r.cluster.Node(); n != nil {
			return n
		}
	}
	return r.self
}

// localise believes the veth: a pod that is seen there is on this node, whatever
// its object says, or does not say yet.
func (r *Resolver) localise(e *flow.Endpoint, behind bool) *flow.Endpoint {
	if !behind || e.Local || e.Kind != flow.Pod {
		return e
	}
	here, known := r.localised[e]
	if !known {
		if len(r.localised) >= localisedAtMost {
			clear(r.localised)
		}
		copied := *e
		copied.Local = true
		here = &copied
		r.localised[e] = here
	}
	return here
}
