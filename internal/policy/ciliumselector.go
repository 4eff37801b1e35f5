package policy

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/sets"
)

// Labels that Cilium gives to each pod beside the pod's own.
const (
	ciliumNamespace       = "io.kubernetes.pod.namespace"
	ciliumNamespaceLabels = "io.cilium.k8s.namespace.labels."
	ciliumServiceAccount  = "io.cilium.k8s.policy.serviceaccount"
	ciliumCluster         = "io.cilium.k8s.policy.cluster"
)

// ciliumSelector splits a selector of endpoints into one of namespaces and one of
// pods. Without a word about namespaces it is about the policy's own, which the
// subject of a policy that has one always is.
func (c *compiler) ciliumSelector(path string, s *metav1.LabelSelector, isSubject bool) (out peer, ok bool) {
	out = peer{kind: pods, namespace: everything, pod: everything}
	var ofPods, ofNamespaces []requirement
	ok = true
	add := func(key string, op selection.Operator, values []string) {
		r, about, err := ciliumRequirement(key, op, values)
		switch {
		case err != nil:
			c.fail(path, "%w", err)
			ok = false
		case about && isSubject && c.ref.Namespace != "" && r.key.Value() == namespaceNameKey:
			// Cilium puts the policy's namespace in its place.
		case about:
			ofNamespaces = append(ofNamespaces, r)
		default:
			ofPods = append(ofPods, r)
		}
	}
	for _, key := range sortedKeys(s.MatchLabels) {
		add(key, selection.In, []string{s.MatchLabels[key]})
	}
	for _, e := range s.MatchExpressions {
		op, known := map[metav1.LabelSelectorOperator]selection.Operator{
			metav1.LabelSelectorOpIn: selection.In, metav1.LabelSelectorOpNotIn: selection.NotIn,
			metav1.LabelSelectorOpExists: selection.Exists, metav1.LabelSelectorOpDoesNotExist: selection.DoesNotExist,
		}[e.Operator]
		if !known {
			op = selection.Operator(e.Operator)
		}
		add(e.Key, op, e.Values)
	}
	if !ok {
		return out, false
	}
	out.pod = c.number(ofPods)
	if c.ref.Namespace != "" && (isSubject || len(ofNamespaces) == 0) {
		out.own = c.own()
	}
	out.namespace = c.number(ofNamespaces)
	return out, true
}

// ciliumRequirement reads one condition; about tells that it is about the pod's
// namespace.
func ciliumRequirement(key string, op selection.Operator, values []string) (r requirement, about bool, err error) {
	source, name, prefixed := strings.Cut(key, ":")
	if !prefixed {
		source, name = "any", key
	}
	if source != "any" && source != "k8s" {
		return r, false, errUnsupported("labels of source " + source)
	}
	replaced := ""
	switch {
	case name == ciliumNamespace:
		name, replaced, about = "namespace", namespaceNameKey, true
	case name == ciliumServiceAccount:
		name, replaced = "serviceaccount", serviceAccountKey
	case name == ciliumCluster:
		return r, false, errUnsupported("the label " + name)
	case strings.HasPrefix(name, ciliumNamespaceLabels):
		name, about = strings.TrimPrefix(name, ciliumNamespaceLabels), true
	case ciliumDrops(name):
		return r, false, errUnsupported("the label " + name + ", which Cilium does not keep by default")
	}
	checked, err := labels.NewRequirement(name, op, values)
	if err != nil {
		return r, about, err
	}
	kind, err := operatorOf(checked.Operator())
	if err != nil {
		return r, about, err
	}
	if replaced != "" {
		name = replaced
	}
	return newRequirement(name, kind, values), about, nil
}

// ciliumDrops tells whether a label may be none of those that Cilium identifies
// pods by; which they are can be configured (its documentation, "Limiting
// Identity-Relevant Labels").
func ciliumDrops(key string) bool {
	switch key {
	case "pod-template-generation", "pod-template-hash", "controller-revision-hash", "etcd_node":
		return true
	}
	domain, _, _ := strings.Cut(key, "/")
	return domain != "app.kubernetes.io" && (strings.HasSuffix(domain, "kubernetes.io") || strings.HasSuffix(domain, "k8s.io"))
}

type errUnsupported string

func (e errUnsupported) Error() string { return string(e) + " cannot be evaluated" }

// sortedKeys makes what is said of an object the same each time.
func sortedKeys[V any](m map[string]V) []string { return sets.List(sets.KeySet(m)) }
