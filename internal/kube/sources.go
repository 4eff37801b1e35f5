package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// newSources is the list of what is watched.
func newSources(c *client, ix *index, cfg Config, node string) ([]*source, error) {
	core, err := c.group(corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	networking, err := c.group(networkingv1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	discovery, err := c.group(discoveryv1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	// Pods that ended have no address; thousands of them may lie about. One
	// that ends leaves the selection, which the watch shows as its deletion.
	pods := fields.AndSelectors(
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)))
	if cfg.Remote == RemoteCIDR {
		pods = fields.AndSelectors(pods, fields.OneTermEqualSelector("spec.nodeName", node))
	}
	all := fields.Everything()
	list := []*source{
		{
			resource: schema.GroupResource{Resource: "nodes"}, example: &corev1.Node{},
			lists: cache.NewListWatchFromClient(core, "nodes", "", all), table: ix.nodeTable(),
		},
		ownerSource(c.meta, ix, replicaSets, "apps", "replicasets",
			"pods of Deployments are shown under their ReplicaSet"),
		ownerSource(c.meta, ix, jobs, "batch", "jobs",
			"pods of CronJobs are shown under their Job"),
		{
			resource: schema.GroupResource{Resource: "services"}, example: &corev1.Service{},
			lists: cache.NewListWatchFromClient(core, "services", "", all), table: ix.serviceTable(),
		},
		{
			resource: schema.GroupResource{Group: "networking.k8s.io", Resource: "servicecidrs"}, example: &networkingv1.ServiceCIDR{},
			lists: cache.NewListWatchFromClient(networking, "servicecidrs", "", all), table: ix.serviceRangeTable(),
			without: "an address is a Service's only while the Service is there",
		},
		{
			resource: schema.GroupResource{Resource: "pods"}, example: &corev1.Pod{},
			lists: cache.NewListWatchFromClient(core, "pods", "", pods), table: ix.podTable(),
		},
	}
	if cfg.Remote == RemoteFull {
		list = append(list, &source{
			resource: schema.GroupResource{Group: "discovery.k8s.io", Resource: "endpointslices"}, example: &discoveryv1.EndpointSlice{},
			lists: cache.NewListWatchFromClient(discovery, "endpointslices", "", all), table: ix.sliceTable(),
			without: "where a Service leads is not known",
		})
	}
	return list, nil
}

// ownerSource watches the metadata of what stands between pods and workloads.
func ownerSource(c metadata.Interface, ix *index, l level, group, resource, without string) *source {
	of := c.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource})
	return &source{
		resource: schema.GroupResource{Group: group, Resource: resource}, example: &metav1.PartialObjectMetadata{},
		lists: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				return of.List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return of.Watch(ctx, o)
			},
		},
		without: without, table: ix.ownerTable(l),
		off: func(off bool) {
			ix.mu.Lock()
			defer ix.mu.Unlock()
			ix.owners.off[l] = off
		},
	}
}

func (ix *index) podTable() table {
	return newTable(
		func(p *corev1.Pod) facts { return podFactsOf(p, ix.labels) },
		func(f *podFacts, now flow.Nanos) flow.Nanos { return ix.putPod(f, now) },
		ix.removePod,
		func() map[uid]*pod { return ix.pods })
}

func (ix *index) nodeTable() table {
	return newTable(
		func(n *corev1.Node) facts { return nodeFactsOf(n) },
		func(f *nodeFacts, _ flow.Nanos) flow.Nanos { ix.putNode(f); return 0 },
		func(id uid, _, _ flow.Nanos) { ix.removeNode(id) },
		func() map[uid]*node { return ix.nodes.byID })
}

func (ix *index) ownerTable(l level) table {
	return newTable(
		func(o *metav1.PartialObjectMetadata) facts { return ownerFactsOf(o) },
		func(f *ownerFacts, _ flow.Nanos) flow.Nanos { ix.putOwner(l, f); return 0 },
		func(id uid, _, _ flow.Nanos) { ix.removeOwner(l, id) },
		func() map[uid]*workload { return ix.owners.parent[l] })
}

func (ix *index) serviceTable() table {
	return newTable(
		func(s *corev1.Service) facts { return serviceFactsOf(s) },
		func(f *serviceFacts, _ flow.Nanos) flow.Nanos { ix.putService(f); return 0 },
		func(id uid, _, _ flow.Nanos) { ix.removeService(id) },
		func() map[uid]*service { return ix.services.byID })
}

func (ix *index) serviceRangeTable() table {
	return newTable(
		func(s *networkingv1.ServiceCIDR) facts { return rangeFactsOf(s) },
		func(f *rangeFacts, _ flow.Nanos) flow.Nanos { ix.putServiceRange(f); return 0 },
		func(id uid, _, _ flow.Nanos) { ix.removeServiceRange(id) },
		func() map[uid][]prefix { return ix.services.cidrs })
}

func (ix *index) sliceTable() table {
	return newTable(
		func(s *discoveryv1.EndpointSlice) facts { return sliceFactsOf(s) },
		func(f *sliceFacts, _ flow.Nanos) flow.Nanos { ix.putSlice(f); return 0 },
		func(id uid, _, _ flow.Nanos) { ix.removeSlice(id) },
		func() map[uid]*sliceFacts { return ix.slices.byID })
}

func newTable[O any, F facts, V any](
	trim func(O) facts,
	put func(F, flow.Nanos) flow.Nanos,
	remove func(id uid, to, now flow.Nanos),
	have func() map[uid]V,
) table {
	return table{
		trim: func(obj any) (facts, bool) {
			o, ok := obj.(O)
			if !ok {
				return nil, false
			}
			return trim(o), true
		},
		put:    func(f facts, now flow.Nanos) flow.Nanos { return put(f.(F), now) },
		remove: remove,
		stale: func(present map[uid]bool) (gone []uid) {
			for id := range have() {
				if !present[id] {
					gone = append(gone, id)
				}
			}
			return gone
		},
	}
}
