package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
)

const (
	defaultTimeout = time.Minute // of a request with its body
	maxRedirects   = 10
	userAgent      = "ebpfnetreceiver"
)

// remote is a list behind http or https.
type remote struct {
	url    string
	client *http.Client
	now    func() time.Time
}

// httpVersion are the validators of RFC 9110, section 8.8.
type httpVersion struct{ etag, modified string }

// busy is an answer that says when to ask again.
type busy struct {
	status string
	wait   time.Duration
}

func (b busy) Error() string { return "the server answers " + b.status }

// newRemote makes the client; it fails if a certificate or an extension is not there.
func newRemote(ctx context.Context, c SourceConfig, host component.Host, set component.TelemetrySettings, now func() time.Time) (*remote, error) {
	cc := c.ClientConfig
	if cc.Timeout == 0 {
		cc.Timeout = defaultTimeout
	}
	// There is an hour between two requests, so no connection is kept. A question has
	// no body to compress; answers are decompressed by the transport.
	cc.Keepalive = configoptional.None[confighttp.KeepaliveClientConfig]()
	cc.Compression = configcompression.Type("")
	client, err := cc.ToClient(ctx, host.GetExtensions(), set)
	if err != nil {
		return nil, fmt.Errorf("make the client: %w", err)
	}
	client.CheckRedirect = redirects{secret: cc.Auth.HasValue() || hasSecret(cc)}.check
	return &remote{url: c.URL, client: client, now: now}, nil
}

func (r *remote) open(ctx context.Context, kept version) (io.ReadCloser, version, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	req.Header.Set("User-Agent", userAgent)
	old, known := kept.(httpVersion)
	if old.etag != "" {
		req.Header.Set("If-None-Match", old.etag)
	}
	if old.modified != "" {
		req.Header.Set("If-Modified-Since", old.modified)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	switch {
	case res.StatusCode == http.StatusOK:
		return res.Body, httpVersion{res.Header.Get("ETag"), res.Header.Get("Last-Modified")}, nil
	case res.StatusCode == http.StatusNotModified && known:
		err = errUnchanged
	default:
		err = busy{res.Status, r.retryAfter(res)}
	}
	return nil, nil, errors.Join(err, res.Body.Close())
}

// retryAfter reads the header, a number of seconds or a date (RFC 9110, 10.2.3).
func (r *remote) retryAfter(res *http.Response) time.Duration {
	text := res.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return at.Sub(r.now())
	}
	return 0
}

// withoutURL leaves the URL out of an error: it may hold a key.
func withoutURL(err error) error {
	if u, is := errors.AsType[*url.Error](err); is {
		return u.Err
	}
	return err
}

// redirects says which redirections are followed.
type redirects struct {
	secret bool // requests carry what another host must not see
}

func (r redirects) check(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case slices.ContainsFunc(via, func(v *http.Request) bool { return v.URL.String() == req.URL.String() }):
		return errors.New("redirected in a loop")
	case len(via) > maxRedirects:
		return fmt.Errorf("redirected more than %d times", maxRedirects)
	case req.URL.Scheme != "https" && first.Scheme == "https":
		return errors.New("redirected from https to " + req.URL.Scheme)
	case r.secret && req.URL.Host != first.Host:
		return errors.New("redirected to another host, which must not see the headers: set the url to where it leads")
	}
	return nil
}

// hasSecret tells whether a header may be one: all but those that every client sends.
func hasSecret(cc confighttp.ClientConfig) bool {
	for name := range cc.Headers.Iter {
		switch http.CanonicalHeaderKey(name) {
		case "Accept", "Accept-Language", "User-Agent":
		default:
			return true
		}
	}
	return false
}
