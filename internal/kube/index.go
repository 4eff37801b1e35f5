package kube

import (
	"sync"
	"sync/atomic"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Found says how much is known of an address.
type Found uint8

const (
	Outside Found = iota // no address of the cluster
	// Pending: of the cluster, or perhaps so, but its object is not known yet;
	// asking again within five seconds may tell.
	Pending
	Known
)

// index answers who is behind an address. Its writers are the sources, its
// readers the data path: a reader takes the lock for some ten nanoseconds, a
// writer for one object at a time.
type index struct {
	remoteByRange bool // Config.Remote is cidr
	labels        []string
	complete      atomic.Bool // the first lists are in

	mu       sync.RWMutex
	addrs    tenancy
	pods     map[uid]*pod
	ended    []*pod // of those that still hold an address
	nodes    nodes
	owners   owners
	services services
	slices   endpointSlices
}

func newIndex(node string, labels []string, remoteByRange bool) *index {
	return &index{
		remoteByRange: remoteByRange,
		labels:        labels,
		addrs:         newTenancy(),
		pods:          map[uid]*pod{},
		nodes:         newNodes(node),
		owners:        newOwners(),
		services:      newServices(),
		slices:        newEndpointSlices(),
	}
}

// lookup is who held the address at that time. With Pending the endpoint is
// what can be said without the object, and nil if that is nothing.
func (ix *index) lookup(a flow.Addr, at flow.Nanos) (*flow.Endpoint, Found) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if p := ix.addrs.at(a, at); p != nil {
		if at < p.patience {
			return p.who, Pending
		}
		return p.who, Known
	}
	if n := ix.nodes.byAddr[a]; n != nil {
		return n.who, Known
	}
	if s := ix.services.at(a); s != nil {
		return s.who, Known
	}
	return ix.within(a)
}

// within answers for an address of which no object is known.
func (ix *index) within(a flow.Addr) (*flow.Endpoint, Found) {
	if p, n, ok := ix.nodes.ranges.find(a); ok {
		// The network address is flannel's tunnel end, the first host
		// address the bridge that the pods have as gateway.
		if p.offset(a) <= 1 {
			return n.who, Known
		}
		if ix.remoteByRange && !n.local {
			return n.pod, Known
		}
		return n.pod, Pending
	}
	if _, who, ok := ix.services.ranges.find(a); ok {
		return who, Pending
	}
	if ix.complete.Load() {
		return nil, Outside
	}
	return nil, Pending
}

// Objects is how many objects of each kind are known.
type Objects struct {
	Pods, Ended, Nodes, Owners, Services, EndpointSlices int
	// Dropped counts what the index forgot for want of room.
	Dropped uint64
}

func (ix *index) objects() Objects {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return Objects{
		Pods:           len(ix.pods),
		Ended:          len(ix.ended),
		Nodes:          len(ix.nodes.byID),
		Owners:         len(ix.owners.parent[replicaSets]) + len(ix.owners.parent[jobs]),
		Services:       len(ix.services.byID),
		EndpointSlices: len(ix.slices.byID),
		Dropped:        ix.addrs.dropped,
	}
}
