package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func running(s int) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metaTime(s)}}}
}

func terminated(from, to int) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{StartedAt: metaTime(from), FinishedAt: metaTime(to)},
	}}
}

func TestWhenAPodGotItsAddress(t *testing.T) {
	startTime := metaTime(10)
	for name, c := range map[string]struct {
		status corev1.PodStatus
		want   flow.Nanos
	}{
		"only created":          {corev1.PodStatus{}, second(-100)},
		"accepted by a kubelet": {corev1.PodStatus{StartTime: &startTime}, second(10)},
		"containers run": {corev1.PodStatus{
			StartTime: &startTime, ContainerStatuses: []corev1.ContainerStatus{running(30), running(25)},
		}, second(25)},
		"an init container ran before": {corev1.PodStatus{
			InitContainerStatuses: []corev1.ContainerStatus{terminated(15, 20)},
			ContainerStatuses:     []corev1.ContainerStatus{running(30)},
		}, second(15)},
		"a container was started again": {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			State: running(90).State, LastTerminationState: terminated(30, 80).State,
		}}}, second(30)},
		"the sandbox is ready": {since(newPod("", ""), 12).Status, second(12)},
		"the sandbox's readiness was told late": {corev1.PodStatus{
			Conditions: since(newPod("", ""), 12).Status.Conditions, ContainerStatuses: []corev1.ContainerStatus{running(11)},
		}, second(11)},
		"the sandbox is not ready": {corev1.PodStatus{StartTime: &startTime, Conditions: []corev1.PodCondition{{
			Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionFalse, LastTransitionTime: metaTime(50),
		}}}, second(10)},
	} {
		p := newPod("web", "n1")
		p.Status = c.status
		from, _ := beginning(p)
		require.Equal(t, c.want, from, name)
	}
}

func TestWhenAPodEnded(t *testing.T) {
	for name, c := range map[string]struct {
		status corev1.PodStatus
		want   flow.Nanos
	}{
		"no containers": {corev1.PodStatus{}, 0},
		"one runs on":   {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{terminated(1, 9), running(1)}}, 0},
		"all ended":     {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{terminated(1, 9), terminated(1, 7)}}, second(9)},
	} {
		require.Equal(t, c.want, end(&c.status), name)
	}
}

// FuzzPod reads whatever an API server could say a pod is.
func FuzzPod(f *testing.F) {
	whole := since(newPod("web", "n1", "198.18.128.7", "fd00::7"), 10)
	whole.OwnerReferences = ownerRef("apps/v1", "ReplicaSet", "web-6d4b75cb6d")
	whole.Status.ContainerStatuses = []corev1.ContainerStatus{running(11), terminated(1, 2)}
	for _, p := range []*corev1.Pod{whole, {}, newPod("", "", "", "::ffff:0.0.0.0", "x"), ended(whole, 5)} {
		wire, err := p.Marshal()
		require.NoError(f, err)
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		var p corev1.Pod
		if p.Unmarshal(wire) != nil {
			return
		}
		w := newWorld(t, "app")
		w.put(&p, newOwner("ReplicaSet", "web-6d4b75cb6d", "apps/v1", "Deployment", "web"), &p)
		for a := range w.ix.addrs.newest {
			who, _ := w.ix.lookup(a, w.now)
			require.NotNil(t, who)
		}
		w.remove(&p)
		w.ix.prune(latest)
		require.Empty(t, w.ix.addrs.newest)
		require.Empty(t, w.ix.pods)
		require.Empty(t, w.ix.owners.waiting)
		require.Len(t, w.ix.owners.workloads, 1) // the ReplicaSet's
		require.Len(t, w.ix.nodes.byName, 1)     // this one
	})
}

func TestNilFieldsAreNoPanic(t *testing.T) {
	for _, obj := range []any{
		&corev1.Pod{}, &corev1.Node{}, &corev1.Service{}, &metav1.PartialObjectMetadata{},
	} {
		w := newWorld(t)
		w.put(obj, obj)
		w.remove(obj)
		w.remove(obj)
	}
}
