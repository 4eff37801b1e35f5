package kube

import (
	"iter"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// podFacts is what is kept of a pod object.
type podFacts struct {
	object
	uid            string
	name           name
	node           string
	controller     reference
	addrs          []flow.Addr
	labels         []flow.Label
	from           flow.Nanos
	learned        flow.Nanos // when its last change happened, by its own account
	running, ended bool
}

func podFactsOf(p *corev1.Pod, labels []string) *podFacts {
	f := &podFacts{
		object:     object{id: uidOf(p.UID)},
		uid:        string(p.UID),
		name:       name{p.Namespace, p.Name},
		node:       p.Spec.NodeName,
		controller: controllerOf(p.OwnerReferences),
		labels:     labelsOf(p.Labels, labels),
		ended:      p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed,
		running:    p.Status.Phase == corev1.PodRunning,
	}
	// A hostNetwork pod has no address of its own: its packets are the node's.
	if !p.Spec.HostNetwork && p.Spec.NodeName != "" {
		f.addrs = podAddrs(&p.Status)
	}
	f.from, f.learned = beginning(p)
	f.to = end(&p.Status)
	return f
}

func podAddrs(s *corev1.PodStatus) []flow.Addr {
	texts := make([]string, 0, 2)
	for _, ip := range s.PodIPs {
		texts = append(texts, ip.IP)
	}
	if len(texts) == 0 {
		texts = append(texts, s.PodIP)
	}
	// Not marked hostNetwork, yet on the host's address: host-process pods.
	return addrsOf(slices.DeleteFunc(texts, func(ip string) bool { return ip == s.HostIP }))
}

// beginning is when the pod got its addresses, and when its status last
// changed. The kubelet tells of the sandbox (and so of the address) from
// Kubernetes 1.29 on, but in its next round; a container may have begun before.
func beginning(p *corev1.Pod) (from, changed flow.Nanos) {
	for _, c := range p.Status.Conditions {
		t := nanosOf(c.LastTransitionTime)
		changed = max(changed, t)
		if c.Type == corev1.PodReadyToStartContainers && c.Status == corev1.ConditionTrue {
			from = t
		}
	}
	for s := range containers(&p.Status) {
		for _, t := range []flow.Nanos{nanosOf(started(s.State)), nanosOf(started(s.LastTerminationState))} {
			if t != 0 && (from == 0 || t < from) {
				from = t
			}
		}
	}
	if from == 0 && p.Status.StartTime != nil {
		from = nanosOf(*p.Status.StartTime)
	}
	if from == 0 {
		from = nanosOf(p.CreationTimestamp)
	}
	return from, changed
}

// end is when the last container ended, if all have.
func end(s *corev1.PodStatus) (last flow.Nanos) {
	for c := range containers(s) {
		if c.State.Terminated == nil {
			return 0
		}
		last = max(last, nanosOf(c.State.Terminated.FinishedAt))
	}
	return last
}

func containers(s *corev1.PodStatus) iter.Seq[*corev1.ContainerStatus] {
	return func(yield func(*corev1.ContainerStatus) bool) {
		for _, all := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
			for i := range all {
				if !yield(&all[i]) {
					return
				}
			}
		}
	}
}

func started(s corev1.ContainerState) metav1.Time {
	switch {
	case s.Running != nil:
		return s.Running.StartedAt
	case s.Terminated != nil:
		return s.Terminated.StartedAt
	}
	return metav1.Time{}
}

// labelsOf copies the labels that are asked for, sorted by key.
func labelsOf(all map[string]string, keys []string) []flow.Label {
	var some []flow.Label
	for _, key := range keys {
		if value, ok := all[key]; ok {
			some = append(some, flow.Label{Key: key, Value: value})
		}
	}
	return some
}
