package suggest

import "maps"

// Stable are the labels that all pods of a workload have in common and keep: what
// a controller writes into each revision, replica or run is not among them.
func Stable(pods ...map[string]string) map[string]string {
	if len(pods) == 0 {
		return nil
	}
	common := maps.Clone(pods[0])
	maps.DeleteFunc(common, func(key, value string) bool {
		if passing(key) {
			return true
		}
		for _, other := range pods[1:] {
			if v, has := other[key]; !has || v != value {
				return true
			}
		}
		return false
	})
	return common
}

// passing tells whether a label is given by a controller and does not outlive
// what it made (Kubernetes, "Well-Known Labels, Annotations and Taints").
func passing(key string) bool {
	switch key {
	case "pod-template-hash", "controller-revision-hash", "pod-template-generation",
		"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
		"job-name", "controller-uid", "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid",
		"batch.kubernetes.io/job-completion-index":
		return true
	}
	return false
}
