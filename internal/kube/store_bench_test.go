//go:build unix

package kube

import (
	"fmt"
	"runtime"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// BenchmarkStore measures the heap that 50,000 pods of 2,500 workloads on 500 nodes take, and
// a look-up among them.
func BenchmarkStore(b *testing.B) {
	const pods, perWorkload, nodes = 50_000, 20, 500
	before := heap()
	w := newWorld(b, "app")
	for i := range nodes {
		w.put(newNode(nodeName(i), fmt.Sprintf("z%d", i%3), fmt.Sprintf("198.18.%d.%d", i/250, 1+i%250)))
	}
	for i := range pods / perWorkload {
		app := fmt.Sprintf("app-%04d", i)
		w.put(newOwner("ReplicaSet", app+"-6d4b75cb6d", "apps/v1", "Deployment", app))
	}
	for i := range pods {
		w.put(storedPod(i, perWorkload, nodes))
	}
	perPod := float64(heap()-before) / pods
	if perPod > 1024 {
		b.Errorf("a pod takes %.0f bytes of heap, more than 1 KiB", perPod)
	}
	a := addr(b, storedAddress(pods/2))
	b.ReportAllocs()
	for b.Loop() {
		w.ix.lookup(a, w.now)
	}
	b.ReportMetric(perPod, "heap-B/pod")
	runtime.KeepAlive(w)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func storedPod(i, perWorkload, nodes int) *corev1.Pod {
	app := fmt.Sprintf("app-%04d", i/perWorkload)
	p := fleetPod(i)
	p.Name = fmt.Sprintf("%s-6d4b75cb6d-%05d", app, i)
	p.UID = types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
	p.Labels["app"] = app
	p.OwnerReferences = ownerRef("apps/v1", "ReplicaSet", app+"-6d4b75cb6d")
	p.Spec.NodeName = nodeName(i % nodes)
	p.Status = newPod("", "", storedAddress(i)).Status
	return p
}

func storedAddress(i int) string { return fmt.Sprintf("fd00::%x:%x", i>>16, i&0xffff) }
