package kube

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// node is a node of the cluster. It comes into being with the first pod that
// names it, and is known once its object was seen.
type node struct {
	id     uid // zero while not known
	name   string
	zone   string
	local  bool
	who    *flow.Endpoint
	pod    *flow.Endpoint // some pod of this node
	addrs  []flow.Addr
	ranges []prefix
	pods   map[*pod]struct{}
}

// nodeFacts is what is kept of a node object.
type nodeFacts struct {
	object
	name   string
	zone   string
	addrs  []flow.Addr
	ranges []prefix
}

func nodeFactsOf(n *corev1.Node) *nodeFacts {
	zone := n.Labels[corev1.LabelTopologyZone]
	if zone == "" {
		zone = n.Labels[corev1.LabelFailureDomainBetaZone]
	}
	var texts []string
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			texts = append(texts, a.Address)
		}
	}
	cidrs := n.Spec.PodCIDRs
	if len(cidrs) == 0 {
		cidrs = []string{n.Spec.PodCIDR}
	}
	return &nodeFacts{
		object: object{id: uidOf(n.UID)}, name: n.Name, zone: zone,
		addrs: addrsOf(texts), ranges: prefixesOf(cidrs),
	}
}

// nodes knows the nodes; this one is there from the beginning.
type nodes struct {
	self   *node
	byName map[string]*node
	byID   map[uid]*node
	byAddr map[flow.Addr]*node
	ranges ranges[*node]
}

func newNodes(self string) nodes {
	ns := nodes{
		byName: map[string]*node{}, byID: map[uid]*node{}, byAddr: map[flow.Addr]*node{},
		ranges: newRanges[*node](),
	}
	ns.self = ns.named(self)
	ns.self.local = true
	ns.self.identify()
	return ns
}

// named is the node of that name, known or not.
func (ns *nodes) named(name string) *node {
	n := ns.byName[name]
	if n == nil {
		n = &node{name: name, pods: map[*pod]struct{}{}}
		n.identify()
		ns.byName[name] = n
	}
	return n
}

// leave takes the pod from its node.
func (ns *nodes) leave(p *pod) {
	if p.node != nil {
		delete(p.node.pods, p)
		ns.drop(p.node)
	}
}

// drop forgets a node that neither an object nor a pod speaks of.
func (ns *nodes) drop(n *node) {
	if n != ns.self && n.id == (uid{}) && len(n.pods) == 0 {
		delete(ns.byName, n.name)
	}
}

func (n *node) identify() {
	n.who = &flow.Endpoint{
		Kind: flow.Node, Local: n.local,
		OwnerName: n.name, OwnerType: "Node", NodeName: n.name, Zone: n.zone,
	}
	n.pod = &flow.Endpoint{Kind: flow.Pod, Local: n.local, NodeName: n.name, Zone: n.zone}
}

// putNode takes what is known of a node; most updates are heartbeats that
// change nothing of it.
func (ix *index) putNode(f *nodeFacts) {
	ns := &ix.nodes
	n := ns.named(f.name)
	if n.id != f.id {
		delete(ns.byID, n.id) // another node of the same name was here before
		n.id = f.id
		ns.byID[n.id] = n
	}
	if !slices.Equal(n.addrs, f.addrs) || !slices.Equal(n.ranges, f.ranges) {
		ns.settle(n, f.addrs, f.ranges)
	}
	if n.zone != f.zone {
		n.zone = f.zone
		n.identify()
		for p := range n.pods {
			ix.again(p)
		}
	}
}

// settle gives the node its addresses and ranges.
func (ns *nodes) settle(n *node, addrs []flow.Addr, ranges []prefix) {
	for _, a := range n.addrs {
		if ns.byAddr[a] == n {
			delete(ns.byAddr, a)
		}
	}
	for _, p := range n.ranges {
		ns.ranges.remove(p, n)
	}
	n.addrs, n.ranges = addrs, ranges
	for _, a := range addrs {
		ns.byAddr[a] = n
	}
	for _, p := range ranges {
		ns.ranges.put(p, n)
	}
}

// removeNode forgets a node's addresses; its pods end by themselves.
func (ix *index) removeNode(id uid) {
	ns := &ix.nodes
	n := ns.byID[id]
	if n == nil {
		return
	}
	delete(ns.byID, id)
	n.id = uid{}
	ns.settle(n, nil, nil)
	ns.drop(n)
}
