package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestANodeIsFoundByItsAddresses(t *testing.T) {
	w := newWorld(t)
	n := newNode("n2", "z2", "198.18.0.2", "198.18.129.0/24")
	n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeExternalIP, Address: "198.18.77.2"})
	w.put(n)
	want := &flow.Endpoint{Kind: flow.Node, OwnerName: "n2", OwnerType: "Node", NodeName: "n2", Zone: "z2"}
	require.Equal(t, want, w.known("198.18.0.2"))
	require.Same(t, w.known("198.18.0.2"), w.known("198.18.77.2"))
	_, found := w.lookup("198.18.99.99", w.now)
	require.Equal(t, Outside, found, "a host name is no address")
}

func TestThisNodeIsLocalBeforeAndAfterItIsKnown(t *testing.T) {
	w := newWorld(t)
	require.True(t, w.ix.nodes.self.who.Local)
	w.put(newNode("n1", "z1", "198.18.0.1"), newPod("web", "n1", "198.18.128.7"), newPod("far", "n2", "198.18.129.7"))
	require.Equal(t, &flow.Endpoint{Kind: flow.Node, Local: true, OwnerName: "n1", OwnerType: "Node", NodeName: "n1", Zone: "z1"}, w.known("198.18.0.1"))
	require.True(t, w.known("198.18.128.7").Local)
	require.False(t, w.known("198.18.129.7").Local)
	w.remove(newNode("n1", "z1", "198.18.0.1"))
	require.Equal(t, "n1", w.ix.nodes.self.who.NodeName)
}

func TestTheZoneComesFromTheOldLabelToo(t *testing.T) {
	n := newNode("n2", "", "198.18.0.2")
	n.Labels = map[string]string{corev1.LabelFailureDomainBetaZone: "old"}
	require.Equal(t, "old", nodeFactsOf(n).zone)
	n.Labels[corev1.LabelTopologyZone] = "new"
	require.Equal(t, "new", nodeFactsOf(n).zone)
}

func TestAZoneThatIsLearnedLaterReachesTheNodesPods(t *testing.T) {
	w := newWorld(t)
	w.put(newPod("web", "n2", "198.18.129.7"), newPod("other", "n3", "198.18.130.7"))
	before, other := w.known("198.18.129.7"), w.known("198.18.130.7")
	w.put(newNode("n2", "z2", "198.18.0.2"))
	require.Equal(t, "z2", w.known("198.18.129.7").Zone)
	require.Empty(t, before.Zone, "endpoints are immutable")
	require.Same(t, other, w.known("198.18.130.7"))
}

func TestAddressesOfAPodRangeWithoutAPod(t *testing.T) {
	w := newWorld(t)
	w.put(newNode("n2", "z2", "198.18.0.2", "198.18.129.0/24", "fd00:0:0:2::/64"))
	pod := &flow.Endpoint{Kind: flow.Pod, NodeName: "n2", Zone: "z2"}
	for ip, want := range map[string]struct {
		found Found
		kind  flow.Kind
	}{
		"198.18.129.0":    {Known, flow.Node}, // flannel's tunnel end
		"198.18.129.1":    {Known, flow.Node}, // the bridge
		"198.18.129.2":    {Pending, flow.Pod},
		"198.18.129.255":  {Pending, flow.Pod},
		"fd00:0:0:2::":    {Known, flow.Node},
		"fd00:0:0:2::1":   {Known, flow.Node},
		"fd00:0:0:2::2":   {Pending, flow.Pod},
		"fd00:0:0:2:1::1": {Pending, flow.Pod},
	} {
		who, found := w.lookup(ip, w.now)
		require.Equal(t, want.found, found, ip)
		require.Equal(t, want.kind, who.Kind, ip)
		if want.kind == flow.Pod {
			require.Equal(t, pod, who)
		}
	}
	w.put(newPod("first", "n2", "198.18.129.1"))
	require.Equal(t, "first", w.known("198.18.129.1").PodName, "unless a pod has it")
}

func TestANodeThatGoesLeavesNothing(t *testing.T) {
	w := newWorld(t)
	n := newNode("n2", "z2", "198.18.0.2", "198.18.129.0/24")
	p := newPod("web", "n2", "198.18.129.7")
	w.put(n, p)
	w.remove(n)
	for _, ip := range []string{"198.18.0.2", "198.18.129.9"} {
		_, found := w.lookup(ip, w.now)
		require.Equal(t, Outside, found, ip)
	}
	require.Equal(t, "z2", w.known("198.18.129.7").Zone, "its pod is still there")
	w.remove(p)
	require.Len(t, w.ix.nodes.byName, 1, "only this node")
}

func TestANodeIsMadeAnewUnderTheSameName(t *testing.T) {
	w := newWorld(t)
	old, fresh := newNode("n2", "z2", "198.18.0.2"), newNode("n2", "z3", "198.18.0.3")
	fresh.UID = uidFor("Node", "another")
	w.put(old, fresh)
	w.remove(old) // told late
	require.Equal(t, "z3", w.known("198.18.0.3").Zone)
	require.Len(t, w.ix.nodes.byID, 1)
	_, found := w.lookup("198.18.0.2", w.now)
	require.Equal(t, Outside, found)
}

func TestAnAddressThatMovedBetweenNodesStaysWithTheNewOne(t *testing.T) {
	w := newWorld(t)
	w.put(newNode("n2", "", "198.18.0.2", "198.18.129.0/24"), newNode("n3", "", "198.18.0.2", "198.18.129.0/24"))
	w.remove(newNode("n2", "", "198.18.0.2", "198.18.129.0/24"))
	require.Equal(t, "n3", w.known("198.18.0.2").NodeName)
	who, _ := w.lookup("198.18.129.7", w.now)
	require.Equal(t, "n3", who.NodeName)
}

func TestRemoteByRangeNeverWaitsForAnotherNodesPods(t *testing.T) {
	w := newWorld(t)
	w.ix.remoteByRange = true
	w.put(newNode("n1", "z1", "198.18.0.1", "198.18.128.0/24"), newNode("n2", "z2", "198.18.0.2", "198.18.129.0/24"))
	who := w.known("198.18.129.7")
	require.Equal(t, &flow.Endpoint{Kind: flow.Pod, NodeName: "n2", Zone: "z2"}, who)
	require.Same(t, who, w.known("198.18.129.8"))
	_, found := w.lookup("198.18.128.7", w.now)
	require.Equal(t, Pending, found, "this node's pods are watched")
}
