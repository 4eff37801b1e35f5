package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// listening tells of every request whether it was answered at all. client-go
// repeats what was not for minutes before it says so.
type listening struct {
	http.RoundTripper
	heard func(error)
}

func (l listening) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(r)
	if r.Context().Err() == nil {
		l.heard(err)
	}
	return response, err
}

// observed is the source's lister and watcher with an eye on every answer: a
// reflector repeats what fails and tells nobody.
func (s *source) observed(h *health) *cache.ListWatch {
	note := func(ctx context.Context, err error) {
		if v, matters := s.verdict(err); matters && ctx.Err() == nil {
			h.note(s, v)
		}
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := s.lists.ListWithContextFunc(ctx, o)
			if err != nil { // that it works is no news: the watch after it decides
				note(ctx, err)
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := s.lists.WatchFuncWithContext(ctx, o)
			note(ctx, err)
			return w, err
		},
	}
}

// verdict reads an answer. It does not matter when there was none, and when
// the reflector's next request is bound to be another one.
func (s *source) verdict(err error) (v verdict, matters bool) {
	switch {
	case err == nil:
		return verdict{}, true
	case apierrors.IsForbidden(err):
		return verdict{refused, forbidden("list and watch", s.resource, err)}, true
	case apierrors.IsNotFound(err) && s.without != "":
		return verdict{absent, err}, true
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return verdict{}, false // no streaming list here: a plain one follows
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err),
		apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge):
		return verdict{}, false // a list from the start follows
	case !errors.As(err, new(apierrors.APIStatus)):
		return verdict{}, false
	}
	return verdict{failing, fmt.Errorf("kube: list and watch %q in API group %q: %w",
		s.resource.Resource, s.resource.Group, err)}, true
}

// forbidden names what a ClusterRole has to allow.
func forbidden(verb string, r schema.GroupResource, err error) error {
	return fmt.Errorf("kube: forbidden to %s %q in API group %q at cluster scope: %w", verb, r.Resource, r.Group, err)
}
