package feed

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configoptional"
)

// served is a rig with one list behind a server of the test's own.
func served(t *testing.T, handler http.HandlerFunc, with ...func(*SourceConfig)) *rig {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c := listAt(server.URL + "/list?key=secret")
	for _, change := range with {
		change(&c)
	}
	return newRig(t, c)
}

func TestConditionalRequests(t *testing.T) {
	for name, c := range map[string]struct{ mark, condition, value string }{
		"entity tag":         {"ETag", "If-None-Match", `W/"v1"`},
		"time of the change": {"Last-Modified", "If-Modified-Since", "Tue, 24 Nov 2026 10:00:00 GMT"},
	} {
		t.Run(name, func(t *testing.T) {
			var conditions []string
			r := served(t, func(w http.ResponseWriter, req *http.Request) {
				conditions = append(conditions, req.Header.Get(c.condition))
				if req.Header.Get(c.condition) == c.value {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				w.Header().Set(c.mark, c.value)
				fmt.Fprintln(w, "198.18.0.1")
			})
			r.attempt()
			r.clock.advance(time.Hour)
			st := r.attempt()
			require.Equal(t, []string{"", c.value}, conditions)
			require.EqualValues(t, 1, st.Loads)
			require.EqualValues(t, 1, st.Unchanged)
			require.Equal(t, noon.Add(time.Hour), st.LastSuccess)
			require.Equal(t, time.Hour, r.wait())
			require.NotEmpty(t, matched(r.Snapshot(), "198.18.0.1"))
		})
	}
}

func TestTheSameContentWithoutMarksIsUnchanged(t *testing.T) {
	r := served(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "198.18.0.1") })
	r.attempt()
	require.EqualValues(t, 1, r.attempt().Unchanged)
	require.EqualValues(t, 1, r.Snapshot().Generation())
}

func TestAnAnswerThatIsNoList(t *testing.T) {
	status := http.StatusOK
	r := served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", fmt.Sprint(status))
		w.WriteHeader(status)
		fmt.Fprintln(w, "198.18.0.1")
	})
	r.attempt()
	for _, status = range []int{404, 403, 500, 204, 304} {
		st := r.attempt()
		want := Kept
		if status == 304 { // to a question with a condition, this is one
			want = Current
		}
		require.Equal(t, want, st.State, status)
		require.NotEmpty(t, matched(r.Snapshot(), "198.18.0.1"))
	}
	require.Equal(t, []string{"threat_intel: test: the server answers 404 Not Found; the last version is kept", ""}, r.told)
}

func TestNotModifiedWithoutAConditionIsNoAnswer(t *testing.T) {
	r := served(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	require.Equal(t, Missing, r.attempt().State)
}

func TestAServerSaysWhenToAskAgain(t *testing.T) {
	after := "600"
	r := served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(http.StatusTooManyRequests)
	})
	r.attempt()
	require.Equal(t, 10*time.Minute, r.wait())
	after = noon.Add(2 * time.Hour).Format(http.TimeFormat)
	r.attempt()
	require.Equal(t, 2*time.Hour, r.wait())
	after = "soon"
	r.attempt()
	require.Equal(t, 20*time.Second, r.wait())
}

func TestASlowServerIsNotWaitedFor(t *testing.T) {
	for name, answer := range map[string]string{"headers": "", "body": "198.18.0.1\n"} {
		t.Run(name, func(t *testing.T) {
			r := served(t, func(w http.ResponseWriter, req *http.Request) {
				if answer != "" {
					fmt.Fprint(w, answer)
					w.(http.Flusher).Flush()
				}
				<-req.Context().Done()
			}, func(c *SourceConfig) { c.Timeout = 50 * time.Millisecond })
			st := r.attempt()
			require.Equal(t, Missing, st.State)
			require.ErrorIs(t, st.Error, context.DeadlineExceeded)
		})
	}
}

func TestAnAnswerThatEndsEarlyIsNotTaken(t *testing.T) {
	r := served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprintln(w, "198.18.0.1")
	})
	st := r.attempt()
	require.Equal(t, Missing, st.State)
	require.ErrorContains(t, st.Error, "unexpected EOF")
}

func TestMoreThanMaxSizeIsNotRead(t *testing.T) {
	line := strings.Repeat("198.18.0.1\n", 1000)
	for _, compressed := range []bool{false, true} {
		r := served(t, func(w http.ResponseWriter, req *http.Request) {
			if !compressed {
				for i := 0; i < 1000 && req.Context().Err() == nil; i++ {
					fmt.Fprint(w, line)
				}
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1000 {
				fmt.Fprint(z, line)
			}
			z.Close()
		}, func(c *SourceConfig) { c.MaxSize = 1 << 20 })
		require.ErrorIs(t, r.attempt().Error, errTooLarge)
	}
}

func TestACompressedAnswer(t *testing.T) {
	r := served(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Accept-Encoding") == "gzip" && req.Header.Get("Content-Encoding") == "" {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			fmt.Fprintln(z, "198.18.0.1")
			z.Close()
		}
	}, func(c *SourceConfig) { c.Compression = "zstd" }) // of requests, which have no body
	require.Equal(t, 1, r.attempt().Count(Address))
}

func TestHeadersAreSent(t *testing.T) {
	r := served(t, func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, "%s.%s.example\n", req.Header.Get("Auth-Key"), req.UserAgent())
	}, func(c *SourceConfig) { c.Headers.Set("Auth-Key", "token") })
	require.Equal(t, 1, r.attempt().Count(Domain))
	require.NotEmpty(t, matched(r.Snapshot(), "token.ebpfnetreceiver.example"))
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "198.18.0.1") }))
	t.Cleanup(server.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(block), 0o600))

	c := listAt(server.URL)
	require.ErrorContains(t, newRig(t, c).attempt().Error, "certificate")
	c.TLS.CAFile = authority
	require.Equal(t, Current, newRig(t, c).attempt().State)
	c.TLS.ServerName = "another.example"
	require.ErrorContains(t, newRig(t, c).attempt().Error, "another.example")
	plain := listAt(strings.Replace(server.URL, "https", "http", 1))
	require.Equal(t, Missing, newRig(t, plain).attempt().State)
}

func TestAClientThatCannotBeMadeFailsTheStart(t *testing.T) {
	noCA, noAuth, good := listAt("https://localhost/"), listAt("https://localhost/"), listAt("/nowhere")
	noCA.Name, noAuth.Name = "no ca", "no auth"
	noCA.TLS.CAFile = "/nowhere/ca.pem"
	noAuth.Auth = configoptional.Some(configauth.Config{AuthenticatorID: component.MustNewID("oauth2client")})
	f := New(Config{Enabled: true, Feeds: []SourceConfig{noCA, noAuth, good}}, componenttest.NewNopTelemetrySettings(), Options{})
	err := f.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorContains(t, err, "threat_intel: no ca: make the client: ")
	require.ErrorContains(t, err, `threat_intel: no auth: make the client: failed to resolve authenticator "oauth2client"`)
	f.Shutdown()
}
