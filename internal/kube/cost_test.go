//go:build unix

package kube

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/kube/apiservertest"
)

const (
	fleetAgents = 50
	fleetPods   = 5000
	fleetChurn  = 500
)

// BenchmarkFleet measures what 50 agents cost a real API server with 5,000 pods of kwok: in bytes
// from it and in its CPU time, for the first lists and for each pod that is replaced.
func BenchmarkFleet(b *testing.B) {
	s := apiservertest.Start(b, nil)
	s.Kwok(b, "testdata/kwok.yaml")
	f := &fleet{b: b, s: s}
	f.populate()
	cpu := s.CPU(b)
	f.replace(fleetChurn)
	f.idle = s.CPU(b) - cpu // what replacing costs without anybody watching
	for _, remote := range []string{RemoteFull, RemoteCIDR} {
		b.Run(remote, func(b *testing.B) {
			for b.Loop() {
				f.measure(b, remote)
			}
		})
	}
}

type fleet struct {
	b    *testing.B
	s    *apiservertest.Server
	next int // number of the next pod
	idle time.Duration
}

func (f *fleet) measure(b *testing.B, remote string) {
	proxy := f.s.Proxy(b)
	kubeconfig := f.s.Kubeconfig(b, apiservertest.Admin, proxy.URL())
	cpu := f.s.CPU(b)
	agents := make([]*Watcher, fleetAgents)
	for i := range agents {
		cfg := NewDefaultConfig()
		cfg.Mode, cfg.AuthType, cfg.Kubeconfig, cfg.Remote = ModeRequire, AuthKubeConfig, kubeconfig, remote
		cfg.NodeName = nodeName(i)
		var err error
		agents[i], err = New(cfg, zap.NewNop(), Events{})
		require.NoError(b, err)
		agents[i].Start()
		defer agents[i].Shutdown()
	}
	for _, a := range agents {
		<-a.Synced()
	}
	b.ReportMetric(float64(proxy.Down.Load())/fleetAgents/1024, "KiB-listed/agent")
	b.ReportMetric(float64((f.s.CPU(b)-cpu).Milliseconds())/fleetAgents, "server-ms-listed/agent")
	down := proxy.Down.Load()
	cpu = f.s.CPU(b)
	f.replace(fleetChurn)
	want := fleetPods
	if remote == RemoteCIDR {
		want = fleetPods / fleetAgents
	}
	for _, a := range agents {
		require.Eventually(b, func() bool { return a.Objects().Pods == want }, time.Minute, 10*time.Millisecond)
	}
	b.ReportMetric(float64(proxy.Down.Load()-down)/fleetAgents/fleetChurn, "B/agent/replaced-pod")
	b.ReportMetric(float64((f.s.CPU(b)-cpu-f.idle).Microseconds())/fleetAgents/fleetChurn, "server-us/agent/replaced-pod")
}

func nodeName(i int) string { return fmt.Sprintf("fake-%03d", i) }

func (f *fleet) populate() {
	for i := range fleetAgents {
		n := newNode(nodeName(i), fmt.Sprintf("z%d", i%3), "198.18.0.99", fmt.Sprintf("198.18.%d.0/24", 128+i))
		n.Status = corev1.NodeStatus{}
		f.s.Create(f.b, "/api/v1/nodes", n)
	}
	f.s.Create(f.b, "/api/v1/namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "load"}})
	f.create(fleetPods)
}

// create makes n pods, on all nodes in turn, and waits until they run.
func (f *fleet) create(n int) {
	f.each(f.next, f.next+n, func(i int) { f.s.Create(f.b, "/api/v1/namespaces/load/pods", fleetPod(i)) })
	f.next += n
	last := fmt.Sprintf("/api/v1/namespaces/load/pods/p-%06d", f.next-1)
	require.Eventually(f.b, func() bool {
		var p corev1.Pod
		f.s.Get(f.b, last, &p)
		return p.Status.PodIP != ""
	}, 5*time.Minute, 50*time.Millisecond)
	require.Eventually(f.b, func() bool {
		var waiting corev1.PodList
		f.s.Get(f.b, "/api/v1/pods?fieldSelector=status.phase%3DPending", &waiting)
		return len(waiting.Items) == 0
	}, 5*time.Minute, 100*time.Millisecond)
}

// replace deletes the n oldest pods and makes as many new ones.
func (f *fleet) replace(n int) {
	oldest := f.next - fleetPods
	f.each(oldest, oldest+n, func(i int) { f.s.Delete(f.b, fmt.Sprintf("/api/v1/namespaces/load/pods/p-%06d", i)) })
	f.create(n)
}

func (f *fleet) each(from, to int, do func(int)) {
	numbers := make(chan int)
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for i := range numbers {
				do(i)
			}
		})
	}
	for i := from; i < to; i++ {
		numbers <- i
	}
	close(numbers)
	writers.Wait()
}

// fleetPod has what pods commonly carry, so that its size is theirs.
func fleetPod(i int) *corev1.Pod {
	app := fmt.Sprintf("app-%03d", i%200)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("p-%06d", i), Namespace: "load", OwnerReferences: ownerRef("apps/v1", "ReplicaSet", app+"-6d4b75cb6d"),
			Labels: map[string]string{"app": app, "app.kubernetes.io/name": app, "app.kubernetes.io/part-of": "shop",
				"pod-template-hash": "6d4b75cb6d", "tier": fmt.Sprint(i % 3)},
			Annotations: map[string]string{"prometheus.io/scrape": "true", "checksum/config": fmt.Sprintf("%064d", i)},
		},
		Spec: corev1.PodSpec{
			NodeName: nodeName(i % fleetAgents),
			Containers: []corev1.Container{{
				Name: "c", Image: "registry.example/shop/app:1.2.3",
				Env:   []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: "C", Value: "d"}},
				Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			}},
		},
	}
}
