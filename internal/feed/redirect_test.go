package feed

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedirectsAreFollowed(t *testing.T) {
	r := served(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/list" {
			http.Redirect(w, req, "/moved", http.StatusMovedPermanently)
			return
		}
		fmt.Fprintln(w, "198.18.0.1")
	})
	require.Equal(t, Current, r.attempt().State)
}

func TestRedirectsThatLeadNowhere(t *testing.T) {
	asked := 0
	for name, c := range map[string]struct {
		next func(*http.Request) string
		want string
		most int
	}{
		"to itself": {func(req *http.Request) string { return req.URL.String() }, "redirected in a loop", 1},
		"in a circle": {func(req *http.Request) string {
			return map[string]string{"/list": "/a", "/a": "/b", "/b": "/a"}[req.URL.Path]
		}, "redirected in a loop", 3},
		"ever further": {func(req *http.Request) string { return req.URL.Path + "x" }, "redirected more than 10 times", 11},
		"away":         {func(*http.Request) string { return "ftp://localhost/" }, "unsupported protocol scheme", 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked = 0
			r := served(t, func(w http.ResponseWriter, req *http.Request) {
				asked++
				http.Redirect(w, req, c.next(req), http.StatusFound)
			})
			st := r.attempt()
			require.ErrorContains(t, st.Error, c.want)
			require.NotContains(t, st.Error.Error(), "secret", "a URL may hold a key")
			require.Equal(t, c.most, asked)
		})
	}
}

func TestARedirectDoesNotCarrySecretsElsewhere(t *testing.T) {
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		got = req.Header
		fmt.Fprintln(w, "198.18.0.1")
	}))
	t.Cleanup(other.Close)
	away := func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, other.URL, http.StatusFound) }

	require.Equal(t, Current, served(t, away).attempt().State)
	harmless := served(t, away, func(c *SourceConfig) { c.Headers.Set("user-agent", "curl") })
	require.Equal(t, Current, harmless.attempt().State)
	got = nil
	secret := served(t, away, func(c *SourceConfig) { c.Headers.Set("X-Key", "secret") })
	require.ErrorContains(t, secret.attempt().Error, "redirected to another host, which must not see the headers")
	require.Nil(t, got)
}

func TestARedirectDoesNotLeaveTLS(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, plain.URL, http.StatusFound)
	}))
	t.Cleanup(server.Close)
	c := listAt(server.URL)
	c.TLS.InsecureSkipVerify = true
	require.ErrorContains(t, newRig(t, c).attempt().Error, "redirected from https to http")
}

func TestErrorsDoNotNameTheURL(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c := listAt(strings.Replace(server.URL, "http://", "http://user:secret@", 1) + "/?key=secret")
	r := newRig(t, c)
	require.ErrorContains(t, r.attempt().Error, "connection refused")
	require.NotContains(t, r.told[0], "secret")
}
