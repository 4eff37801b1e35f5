package kube

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// second makes the times of the tests readable: second(3) is three seconds
// after some midnight.
func second(s int) flow.Nanos { return flow.Nanos(1_800_000_000+s) * 1e9 }

func metaTime(s int) metav1.Time { return metav1.Unix(int64(1_800_000_000+s), 0) }

func addr(t testing.TB, text string) flow.Addr {
	t.Helper()
	a, ok := addrOf(text)
	require.True(t, ok, text)
	return a
}

// world is an index with a clock, which objects reach as they do from a
// reflector: trimmed, one by one or as a list.
type world struct {
	t   testing.TB
	ix  *index
	now flow.Nanos
}

func newWorld(t testing.TB, labels ...string) *world {
	w := &world{t: t, ix: newIndex("n1", labels, false), now: second(0)}
	w.ix.complete.Store(true)
	return w
}

func (w *world) time() time.Time { return time.Unix(0, int64(w.now)) }

func (w *world) table(obj any) table {
	switch o := obj.(type) {
	case *corev1.Pod:
		return w.ix.podTable()
	case *corev1.Node:
		return w.ix.nodeTable()
	case *corev1.Service:
		return w.ix.serviceTable()
	case *networkingv1.ServiceCIDR:
		return w.ix.serviceRangeTable()
	case *discoveryv1.EndpointSlice:
		return w.ix.sliceTable()
	case *metav1.PartialObjectMetadata:
		if o.Kind == "Job" {
			return w.ix.ownerTable(jobs)
		}
		return w.ix.ownerTable(replicaSets)
	}
	w.t.Fatalf("no table for %T", obj)
	return table{}
}

func (w *world) put(objs ...any) {
	for _, obj := range objs {
		tab := w.table(obj)
		f, ok := tab.trim(obj)
		require.True(w.t, ok)
		tab.put(f, w.now)
	}
}

func (w *world) remove(obj any) {
	tab := w.table(obj)
	f, ok := tab.trim(obj)
	require.True(w.t, ok)
	tab.remove(f.key(), f.until(), w.now)
}

func (w *world) lookup(ip string, at flow.Nanos) (*flow.Endpoint, Found) {
	return w.ix.lookup(addr(w.t, ip), at)
}

// known is who has the address now, which must be known.
func (w *world) known(ip string) *flow.Endpoint {
	w.t.Helper()
	who, found := w.lookup(ip, w.now)
	require.Equal(w.t, Known, found, ip)
	return who
}

func uidFor(kind, name string) types.UID {
	u := uidOf(types.UID(kind + "/" + name))
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
}

func newPod(name, node string, ips ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uidFor("Pod", name), CreationTimestamp: metaTime(-100)},
		Spec:       corev1.PodSpec{NodeName: node},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, HostIP: "198.18.0.1"},
	}
	for _, ip := range ips {
		p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip})
	}
	return p
}

// since makes the pod's sandbox ready at that second.
func since(p *corev1.Pod, s int) *corev1.Pod {
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: metaTime(s),
	}}
	return p
}

func ended(p *corev1.Pod, s int) *corev1.Pod {
	p = p.DeepCopy()
	p.Status.Phase = corev1.PodSucceeded
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metaTime(s)}},
	}}
	return p
}

func ownerRef(apiVersion, kind, name string) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, UID: uidFor(kind, name), Controller: &yes}}
}

func ownedPod(name, ip, apiVersion, kind, owner string) *corev1.Pod {
	p := newPod(name, "n1", ip)
	p.OwnerReferences = ownerRef(apiVersion, kind, owner)
	return p
}

// newOwner is a ReplicaSet or Job; a controller's kind of "" is none.
func newOwner(kind, name, controllerVersion, controllerKind, controller string) *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uidFor(kind, name)},
	}
	if controllerKind != "" {
		o.OwnerReferences = ownerRef(controllerVersion, controllerKind, controller)
	}
	return o
}

func newNode(name, zone, ip string, cidrs ...string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: uidFor("Node", name), Labels: map[string]string{corev1.LabelTopologyZone: zone}},
		Spec:       corev1.NodeSpec{PodCIDRs: cidrs},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeHostName, Address: "198.18.99.99"}, // no address, whatever it looks like
			{Type: corev1.NodeInternalIP, Address: ip},
		}},
	}
}

func newService(name string, clusterIPs ...string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uidFor("Service", name)},
		Spec:       corev1.ServiceSpec{ClusterIPs: clusterIPs},
	}
}
