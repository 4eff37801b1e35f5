package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestAServiceIsFoundByAllItsAddresses(t *testing.T) {
	w := newWorld(t)
	s := newService("web", "198.19.0.5", "fd00:19::5")
	s.Spec.ExternalIPs = []string{"198.18.77.5"}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "198.18.77.6"}, {Hostname: "lb.example"}}
	w.put(s)
	want := &flow.Endpoint{Kind: flow.Service, Namespace: "shop", Service: "web", OwnerName: "web", OwnerType: "Service"}
	require.Equal(t, want, w.known("198.19.0.5"))
	for _, ip := range []string{"fd00:19::5", "198.18.77.5", "198.18.77.6"} {
		require.Same(t, w.known("198.19.0.5"), w.known(ip))
	}
}

func TestServicesWithoutClusterIPs(t *testing.T) {
	w := newWorld(t)
	w.put(newService("headless", "None"), newService("name-only"))
	require.Empty(t, w.ix.services.byAddr)
	old := newService("old") // before dual stack
	old.Spec.ClusterIP = "198.19.0.9"
	w.put(old)
	require.Equal(t, "old", w.known("198.19.0.9").Service)
}

func TestAServiceKeepsItsEndpointWhenItChanges(t *testing.T) {
	w := newWorld(t)
	s := newService("web", "198.19.0.5")
	s.Spec.ExternalIPs = []string{"198.18.77.5"}
	w.put(s)
	before := w.known("198.19.0.5")
	s = s.DeepCopy()
	s.Spec.ExternalIPs = []string{"198.18.77.7"}
	w.put(s)
	require.Same(t, before, w.known("198.19.0.5"))
	require.Same(t, before, w.known("198.18.77.7"))
	_, found := w.lookup("198.18.77.5", w.now)
	require.Equal(t, Outside, found)
}

func TestNobodyTakesAnothersClusterAddress(t *testing.T) {
	for name, order := range map[string][2]int{"thief first": {0, 1}, "owner first": {1, 0}} {
		w := newWorld(t)
		thief, owner := newService("thief", "198.19.0.6"), newService("owner", "198.19.0.5")
		thief.Spec.ExternalIPs = []string{"198.19.0.5", "198.18.128.7"}
		both := []any{thief, owner}
		w.put(both[order[0]], both[order[1]], newPod("web", "n1", "198.18.128.7"))
		require.Equal(t, "owner", w.known("198.19.0.5").Service, name)
		require.Equal(t, flow.Pod, w.known("198.18.128.7").Kind, "nor a pod's")
		w.remove(owner)
		require.Equal(t, "thief", w.known("198.19.0.5").Service, name)
		w.remove(thief)
		require.Empty(t, w.ix.services.byAddr)
	}
}

func TestANodesAddressIsItsOwnThoughAServiceUsesIt(t *testing.T) {
	w := newWorld(t)
	s := newService("lb", "198.19.0.5")
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "198.18.0.1"}}
	w.put(s, newNode("n1", "", "198.18.0.1"))
	require.Equal(t, flow.Node, w.known("198.18.0.1").Kind)
}

func TestAddressesOfAServiceRangeWithoutAService(t *testing.T) {
	w := newWorld(t)
	c := &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{UID: uidFor("ServiceCIDR", "kubernetes")},
		Spec:       networkingv1.ServiceCIDRSpec{CIDRs: []string{"198.19.0.0/16", "nonsense"}},
	}
	w.put(newService("web", "198.19.0.5"), c, c)
	require.Equal(t, "web", w.known("198.19.0.5").Service)
	who, found := w.lookup("198.19.7.7", w.now)
	require.Equal(t, Pending, found)
	require.Equal(t, &flow.Endpoint{Kind: flow.Service}, who)
	again, _ := w.lookup("198.19.7.8", w.now)
	require.Same(t, who, again)
	w.remove(c)
	_, found = w.lookup("198.19.7.7", w.now)
	require.Equal(t, Outside, found)
}
