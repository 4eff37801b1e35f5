//go:build unix

package kube

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube/apiservertest"
)

const replicaSetsPath = "/apis/apps/v1/namespaces/kinds/replicasets"

// newReplicaSet is a whole one, as the server wants it; the Deployment need
// not exist.
func newReplicaSet(name, deployment string) map[string]any {
	labels := map[string]string{"app": deployment}
	return map[string]any{
		"metadata": map[string]any{"name": name, "ownerReferences": ownerRef("apps/v1", "Deployment", deployment)},
		"spec": map[string]any{
			"replicas": 1, "selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec":     map[string]any{"containers": []any{map[string]any{"name": "c", "image": "none"}}},
			},
		},
	}
}

func uidIn(object map[string]any) string { return object["metadata"].(map[string]any)["uid"].(string) }

func testAllKinds(t *testing.T, s *apiservertest.Server) {
	namespace(t, s, "kinds")
	w := admin(t, s, func(c *Config) { c.Labels, c.ClusterName = []string{"tier", "app"}, "east" })
	rs := newReplicaSet("web-1", "web")
	s.Create(t, replicaSetsPath, &rs)
	pod := newPod("web-1-a", "n1", "198.18.121.7", "fd00::7")
	pod.OwnerReferences = ownerRef("apps/v1", "ReplicaSet", "web-1")
	pod.Labels = map[string]string{"app": "web", "tier": "front", "other": "x"}
	setUID(pod, uidIn(rs))
	run(t, s, "kinds", pod)

	require.Equal(t, &flow.Endpoint{
		Kind: flow.Pod, Local: true, Namespace: "kinds", OwnerName: "web", OwnerType: "Deployment",
		PodName: "web-1-a", PodUID: string(pod.UID), NodeName: "n1", Zone: "z-n1",
		Labels: []flow.Label{{Key: "app", Value: "web"}, {Key: "tier", Value: "front"}},
	}, w.finds("198.18.121.7"))
	require.Same(t, w.finds("198.18.121.7"), w.finds("fd00::7"))
	require.Equal(t, "n2", w.finds("198.18.0.2").NodeName)
	require.Equal(t, map[*flow.Endpoint][]flow.Addr{
		w.finds("fd00::7"): {addr(t, "198.18.121.7"), addr(t, "fd00::7")},
	}, maps.Collect(w.LocalPods()))

	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{
		Ports: []corev1.ServicePort{{Name: "http", Port: 80}},
	}}
	s.Create(t, "/api/v1/namespaces/kinds/services", service)
	slice := newSlice("web", "web", 8080, "198.18.121.7")
	slice.ObjectMeta = metav1.ObjectMeta{Name: "web", Labels: slice.Labels}
	slice.AddressType, slice.Ports = discoveryv1.AddressTypeIPv4, slice.Ports[:1]
	s.Create(t, "/apis/discovery.k8s.io/v1/namespaces/kinds/endpointslices", slice)
	require.Equal(t, "web", w.finds(service.Spec.ClusterIP).Service)
	want := []netip.AddrPort{netip.MustParseAddrPort("198.18.121.7:8080")}
	w.eventually(func() bool {
		got := w.Backends(addr(t, service.Spec.ClusterIP), 80, flow.TCP)
		return len(got) == 1 && got[0] == want[0]
	}, "backends")

	who, found := w.find("198.19.200.200")
	require.Equal(t, Pending, found, "in the server's ServiceCIDR")
	require.Equal(t, flow.Service, who.Kind)
	var system corev1.Namespace
	s.Get(t, "/api/v1/namespaces/kube-system", &system)
	w.eventually(func() bool {
		name, uid := w.Cluster()
		return name == "east" && uid == string(system.UID)
	}, "the cluster's UID")
	err, reports := w.status()
	require.NoError(t, err)
	require.Zero(t, reports)
	require.Zero(t, w.logs.Len(), w.logs.All())
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotEmpty(t, w.lags)
	require.Less(t, w.lags[0], 30*time.Second)
}

func setUID(p *corev1.Pod, uid string) { p.OwnerReferences[0].UID = types.UID(uid) }

func testPodsThatEnd(t *testing.T, s *apiservertest.Server) {
	namespace(t, s, "ends")
	w := admin(t, s)
	done := run(t, s, "ends", newPod("done", "n1", "198.18.121.20"))
	run(t, s, "ends", newPod("gone", "n2", "198.18.122.21"))
	w.finds("198.18.121.20")
	w.finds("198.18.122.21")
	done.Status.Phase = corev1.PodSucceeded
	s.Update(t, "/api/v1/namespaces/ends/pods/done/status", done)
	s.Delete(t, "/api/v1/namespaces/ends/pods/gone")
	w.eventually(func() bool { return w.Objects().Ended == 2 }, "both ended")
	for _, ip := range []string{"198.18.121.20", "198.18.122.21"} {
		require.Equal(t, flow.Pod, w.finds(ip).Kind)
		who, found := w.Lookup(addr(t, ip), flow.Nanos(time.Now().Add(61*time.Second).UnixNano()))
		require.Equal(t, Pending, found, "free, in a pod range")
		require.Empty(t, who.PodName)
	}
	for who := range w.LocalPods() {
		require.NotEqual(t, "done", who.PodName)
	}
	fresh := admin(t, s)
	_, found := fresh.find("198.18.121.20")
	require.Equal(t, Pending, found, "pods that ended are not even listed")
}

func testOwnerThatComesLater(t *testing.T, s *apiservertest.Server) {
	w := admin(t, s)
	first := newReplicaSet("late-0", "late")
	s.Create(t, replicaSetsPath, &first)
	pod := newPod("late-1-a", "n1", "198.18.121.30")
	pod.OwnerReferences = ownerRef("apps/v1", "ReplicaSet", "late-0")
	setUID(pod, "00000000-0000-0000-0000-00000000abcd")
	run(t, s, "kinds", pod)
	w.eventually(func() bool {
		who, found := w.find("198.18.121.30")
		return found == Pending && who.OwnerType == "ReplicaSet"
	}, "the pod, under its ReplicaSet for now")
	// The server chooses UIDs, so the late owner comes by our own door.
	w.ix.mu.Lock()
	late := newOwner("ReplicaSet", "late-0", "apps/v1", "Deployment", "late")
	late.UID = "00000000-0000-0000-0000-00000000abcd"
	w.ix.putOwner(replicaSets, ownerFactsOf(late))
	w.ix.mu.Unlock()
	require.Equal(t, "Deployment", w.finds("198.18.121.30").OwnerType)
}

func testRemoteByRange(t *testing.T, s *apiservertest.Server) {
	namespace(t, s, "ranges")
	run(t, s, "ranges", newPod("near", "n1", "198.18.121.40"))
	run(t, s, "ranges", newPod("far", "n2", "198.18.122.41"))
	w := admin(t, s, func(c *Config) { c.Remote = RemoteCIDR })
	require.Equal(t, "near", w.finds("198.18.121.40").PodName)
	require.Equal(t, &flow.Endpoint{Kind: flow.Pod, NodeName: "n2", Zone: "z-n2"}, w.finds("198.18.122.41"))
	for id, p := range w.ix.pods {
		require.True(t, p.who.Local, id)
	}
	require.Zero(t, w.Objects().EndpointSlices)
}
