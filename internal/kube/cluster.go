package kube

import (
	"context"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/metadata"
)

// clusterUID asks until it is told for the UID of the namespace kube-system,
// which is what the semantic conventions call the cluster's (k8s.cluster.uid).
// It is empty when the API server refuses, and when ctx ends first.
func clusterUID(ctx context.Context, c metadata.Interface, logger *zap.Logger) (uid string) {
	namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	backoff := wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 1, Steps: 6, Cap: 30 * time.Second}
	_ = backoff.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (done bool, _ error) {
		ns, err := c.Resource(namespaces).Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		switch {
		case err == nil:
			uid = string(ns.UID)
		case apierrors.IsForbidden(err):
			logger.Info("kubernetes: k8s.cluster.uid stays empty",
				zap.Error(forbidden("get", namespaces.GroupResource(), err)))
		default:
			return false, nil // the sources say what is wrong
		}
		return true, nil
	})
	return uid
}
