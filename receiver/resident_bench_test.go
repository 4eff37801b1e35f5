//go:build linux

package receiver

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/capture"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube/apiservertest"
	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// BenchmarkResidentMemory measures how much larger the process is with 100,000 live connections between
// 5,000 known pods than before the receiver was made. It fails above 90 MiB.
func BenchmarkResidentMemory(b *testing.B) {
	const connections, pods, limit = 100_000, 5000, 90.0
	s := apiservertest.Start(b, nil)
	populate(b, s, pods)
	node := nettest.NewNode(b, "node")
	node.AddPod(b, []string{"198.19.255.1/16"})
	keys, values := podFlows(connections, pods)
	for b.Loop() {
		debug.FreeOSMemory()
		before := resident(b)
		d, captured, stop := joinAll(b, node, s)
		_, err := captured.Current().Flows4.BatchUpdate(keys[:connections/2], values[:connections/2], nil)
		require.NoError(b, err)
		require.NoError(b, d.drain())
		largest := 0.0
		for range 20 { // generations, half of the connections in each
			for _, part := range [][2]int{{0, connections / 2}, {connections / 2, connections}} {
				_, err := captured.Current().Flows4.BatchUpdate(keys[part[0]:part[1]], values[part[0]:part[1]], nil)
				require.NoError(b, err)
				require.NoError(b, d.drain())
			}
			largest = max(largest, resident(b)-before)
		}
		require.Equal(b, connections, d.table.Len())
		stop()
		b.ReportMetric(largest, "MiB")
		if largest > limit {
			b.Errorf("the process grew by %.0f MiB, more than %.0f", largest, limit)
		}
	}
}

// resident is the memory of this process, in MiB (VmRSS of proc_pid_status(5)).
func resident(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	require.NoError(b, err)
	return kib / 1024
}

// joinAll makes the stages of a receiver with Kubernetes, which are ready to drain.
func joinAll(b *testing.B, node *nettest.Node, s *apiservertest.Server) (*data, *capture.Capture, func()) {
	config := createDefaultConfig().(*Config)
	k := &config.Kubernetes
	k.Mode, k.AuthType, k.Kubeconfig, k.NodeName = kube.ModeRequire, kube.AuthKubeConfig, s.Kubeconfig(b, apiservertest.Admin, s.URL()), "n1"
	watcher, err := kube.New(*k, zap.NewNop(), kube.Events{})
	require.NoError(b, err)
	watcher.Start()
	<-watcher.Synced()
	captured, err := capture.New(config.Capture, capture.Options{NetNS: node.Path, Logger: zap.NewNop()})
	require.NoError(b, err)
	t, err := newTelemetry(receivertest.NewNopSettings(metadata.Type))
	require.NoError(b, err)
	d, err := join(config, captured, clusterOf(watcher, newWallClock(captured.Now)), "n1", t, zap.NewNop())
	require.NoError(b, err)
	return d, captured, func() {
		require.NoError(b, d.close())
		watcher.Shutdown()
	}
}

// populate makes a node and n running pods, as a kubelet would report them.
func populate(b *testing.B, s *apiservertest.Server, n int) {
	s.Create(b, "/api/v1/nodes", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}})
	for i := range n {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("app-%03d-%05d", i%200, i), Labels: map[string]string{"app": fmt.Sprintf("app-%03d", i%200)}},
			Spec:       corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "c", Image: "none"}}},
		}
		s.Create(b, "/api/v1/namespaces/default/pods", p)
		ip := fmt.Sprintf("198.18.%d.%d", i/250, 1+i%250)
		p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}, StartTime: &metav1.Time{Time: time.Now()}}
		s.Update(b, "/api/v1/namespaces/default/pods/"+p.Name+"/status", p)
	}
}

// podFlows are TCP connections of one pod of the node with many others.
func podFlows(n, pods int) ([]bpf.Flow4Key, []bpf.Flow4) {
	keys, values := manyFlows(n)
	for i := range keys {
		pod := i % pods
		keys[i].A = binary.NativeEndian.Uint32([]byte{198, 18, byte(pod / 250), byte(1 + pod%250)})
		keys[i].PortA = uint16(20000 + i/pods)
	}
	return keys, values
}
