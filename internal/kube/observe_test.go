package kube

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

func TestAnswersAreReadRight(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	needed, optional := &source{resource: pods}, &source{resource: pods, without: "x"}
	for name, c := range map[string]struct {
		source  *source
		err     error
		want    condition
		matters bool
	}{
		"fine":                     {needed, nil, fine, true},
		"forbidden":                {needed, apierrors.NewForbidden(pods, "", errors.New("RBAC")), refused, true},
		"unauthorized":             {needed, apierrors.NewUnauthorized("token"), failing, true},
		"no answer":                {needed, &url.Error{Op: "Get", URL: "https://x", Err: syscall.ECONNREFUSED}, fine, false},
		"unknown, needed":          {needed, apierrors.NewNotFound(pods, ""), failing, true},
		"unknown, optional":        {optional, apierrors.NewNotFound(pods, ""), absent, true},
		"too many requests":        {needed, apierrors.NewTooManyRequests("later", 1), failing, true},
		"no streaming list":        {needed, apierrors.NewInvalid(schema.GroupKind{}, "", nil), fine, false},
		"resource version too old": {needed, apierrors.NewResourceExpired("old"), fine, false},
	} {
		v, matters := c.source.verdict(c.err)
		require.Equal(t, c.want, v.condition, name)
		require.Equal(t, c.matters, matters, name)
	}
	v, _ := needed.verdict(apierrors.NewForbidden(pods, "", errors.New("RBAC")))
	require.ErrorContains(t, v.err, `kube: forbidden to list and watch "pods" in API group "" at cluster scope: `)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestEveryRequestTellsWhetherItWasAnswered(t *testing.T) {
	var heard []error
	l := listening{roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/away" {
			return nil, syscall.ECONNREFUSED
		}
		return &http.Response{StatusCode: http.StatusInternalServerError}, nil
	}), func(err error) { heard = append(heard, err) }}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		path string
	}{{t.Context(), "/"}, {t.Context(), "/away"}, {ended, "/away"}} {
		request, err := http.NewRequestWithContext(c.ctx, http.MethodGet, "https://x"+c.path, nil)
		require.NoError(t, err)
		_, _ = l.RoundTrip(request)
	}
	require.Equal(t, []error{nil, syscall.ECONNREFUSED}, heard)
}

func TestNothingIsReportedOfRequestsThatWeEnded(t *testing.T) {
	s := &source{lists: &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, _ metav1.ListOptions) (watch.Interface, error) {
		return nil, ctx.Err()
	}}}
	h := newHealth([]*source{s}, func() {}, func(error) { t.Error("reported") }, zap.NewNop())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.observed(h).WatchWithContext(ctx, metav1.ListOptions{})
	require.ErrorIs(t, err, context.Canceled)
}
