package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestAPodIsFoundByAllItsAddresses(t *testing.T) {
	w := newWorld(t)
	w.put(newPod("web", "n2", "198.18.128.7", "fd00::7"))
	want := &flow.Endpoint{
		Kind: flow.Pod, Namespace: "shop", OwnerName: "web", OwnerType: "Pod",
		PodName: "web", PodUID: string(uidFor("Pod", "web")), NodeName: "n2",
	}
	require.Equal(t, want, w.known("198.18.128.7"))
	require.Same(t, w.known("198.18.128.7"), w.known("fd00::7"))
}

func TestPodsOnTheHostsNetworkHaveNoAddressOfTheirOwn(t *testing.T) {
	host := newPod("proxy", "n1", "198.18.0.1")
	host.Spec.HostNetwork = true
	process := newPod("host-process", "n1", "198.18.0.1") // hostIP, without the flag
	w := newWorld(t)
	w.put(newNode("n1", "", "198.18.0.1"), host, process)
	require.Equal(t, flow.Node, w.known("198.18.0.1").Kind)
	require.Empty(t, w.ix.pods)
}

func TestPodsWithoutAddressOrNodeAreNotKept(t *testing.T) {
	w := newWorld(t)
	w.put(newPod("pending", "n1"), newPod("unscheduled", "", "198.18.128.9"))
	require.Empty(t, w.ix.pods)
	_, found := w.lookup("198.18.128.9", w.now)
	require.Equal(t, Outside, found)
}

func TestAnEndedPodStaysKnownForAMinute(t *testing.T) {
	for name, end := range map[string]func(w *world, p *corev1.Pod){
		"succeeded":                         func(w *world, p *corev1.Pod) { w.put(ended(p, 100)) },
		"deleted, with the containers' end": func(w *world, p *corev1.Pod) { w.remove(ended(p, 100)) },
		"deleted, nobody knows when": func(w *world, p *corev1.Pod) {
			w.now = second(100)
			w.remove(p)
		},
		"its containers' end lies in the future of our clock": func(w *world, p *corev1.Pod) {
			w.now = second(100)
			w.put(ended(p, 500))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := newPod("web", "n1", "198.18.128.7")
			w.put(p)
			w.now = second(101)
			end(w, p)
			for _, at := range []int{50, 100, 160} {
				who, found := w.lookup("198.18.128.7", second(at))
				require.Equal(t, Known, found, at)
				require.Equal(t, "web", who.PodName)
			}
			_, found := w.lookup("198.18.128.7", second(162))
			require.Equal(t, Outside, found)

			w.ix.prune(second(155))
			require.Len(t, w.ix.ended, 1)
			w.ix.prune(second(162))
			require.Empty(t, w.ix.ended)
			require.Empty(t, w.ix.addrs.newest)
		})
	}
}

func TestAPodThatWasNeverSeenAliveIsNotKept(t *testing.T) {
	w := newWorld(t)
	w.put(ended(newPod("job", "n1", "198.18.128.7"), -1))
	require.Zero(t, w.ix.objects())
}

func TestAnAddressThatMovedIsResolvedByTime(t *testing.T) {
	w := newWorld(t)
	first, second_ := since(newPod("first", "n1", "198.18.128.7"), 10), since(newPod("second", "n1", "198.18.128.7"), 110)
	w.now = second(10)
	w.put(first)
	w.now = second(105)
	// The second is seen before the first's end is: their streams say so late.
	w.now = second(111)
	w.put(second_)
	w.now = second(112)
	w.put(ended(first, 100))
	for at, want := range map[int]string{1: "first", 50: "first", 105: "first", 110: "second", 500: "second"} {
		who, found := w.lookup("198.18.128.7", second(at))
		require.Equal(t, Known, found)
		require.Equal(t, want, who.PodName, at)
	}
	w.ix.prune(second(300))
	who, _ := w.lookup("198.18.128.7", second(50))
	require.Equal(t, "second", who.PodName, "the only one that is still known")
}

func TestAPodWithANewSandboxLeavesItsOldAddress(t *testing.T) {
	w := newWorld(t)
	w.put(newPod("web", "n1", "198.18.128.7"))
	before := w.known("198.18.128.7")
	w.now = second(50)
	w.put(newPod("web", "n1", "198.18.128.8"))
	require.Same(t, before, w.known("198.18.128.8"), "nothing about its identity changed")
	require.Same(t, before, w.known("198.18.128.7"), "for a minute")
	w.now = second(111)
	_, found := w.lookup("198.18.128.7", w.now)
	require.Equal(t, Outside, found)
	require.Len(t, w.ix.pods, 1)
}

func TestADyingPodKeepsTheAddressThatItsStatusNoLongerHas(t *testing.T) {
	w := newWorld(t)
	w.put(newPod("web", "n1", "198.18.128.7"))
	w.put(newPod("web", "n1"))
	require.Equal(t, "web", w.known("198.18.128.7").PodName)
}

func TestTheEndpointChangesOnlyWithTheIdentity(t *testing.T) {
	w := newWorld(t, "app")
	p := newPod("web", "n1", "198.18.128.7")
	p.Labels = map[string]string{"app": "web"}
	w.put(newNode("n1", "z1", "198.18.0.1"), p)
	before := w.known("198.18.128.7")

	p = p.DeepCopy()
	p.Annotations = map[string]string{"some": "thing"}
	p.Labels["other"] = "label"
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady}}
	w.put(p, newNode("n1", "z1", "198.18.0.1"))
	require.Same(t, before, w.known("198.18.128.7"))

	p = p.DeepCopy()
	p.Labels["app"] = "shop"
	w.put(p)
	after := w.known("198.18.128.7")
	require.NotSame(t, before, after)
	require.Equal(t, "web", before.Labels[0].Value, "endpoints are immutable")
	require.Equal(t, "shop", after.Labels[0].Value)
}

func TestOnlyLabelsThatAreAskedForAreCopied(t *testing.T) {
	w := newWorld(t, "app", "missing", "tier")
	p := newPod("web", "n1", "198.18.128.7")
	p.Labels = map[string]string{"tier": "front", "app": "web", "pod-template-hash": "6d4b75cb6d"}
	w.put(p)
	require.Equal(t, []flow.Label{{Key: "app", Value: "web"}, {Key: "tier", Value: "front"}}, w.known("198.18.128.7").Labels)
}

func TestPodsOfOneWorkloadShareTheirLabels(t *testing.T) {
	w := newWorld(t, "app")
	for name, ip := range map[string]string{"a": "198.18.128.7", "b": "198.18.128.8"} {
		p := ownedPod(name, ip, "apps/v1", "StatefulSet", "db")
		p.Labels = map[string]string{"app": "db"}
		w.put(p)
	}
	require.Same(t, &w.known("198.18.128.7").Labels[0], &w.known("198.18.128.8").Labels[0])
}

func TestLagIsToldOncePerAddress(t *testing.T) {
	w := newWorld(t)
	tab, p := w.ix.podTable(), since(newPod("web", "n1", "198.18.128.7"), 3)
	put := func() flow.Nanos {
		f, _ := tab.trim(p)
		return tab.put(f, w.now)
	}
	require.Equal(t, second(3), put())
	require.Zero(t, put())
}
