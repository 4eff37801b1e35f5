//go:build unix

package apiservertest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy is a TCP proxy before a server: a network that can fail, and whose
// bytes can be counted.
type Proxy struct {
	Down, Up atomic.Int64 // bytes from the server, and to it

	listen, target string
	mu             sync.Mutex
	listener       net.Listener // nil while cut
	conns          map[net.Conn]struct{}
	wg             sync.WaitGroup
}

// Proxy starts a proxy before the server, which ends with the test.
func (s *Server) Proxy(t testing.TB) *Proxy {
	t.Helper()
	p := &Proxy{listen: "127.0.0.1:0", target: s.url[len("https://"):], conns: map[net.Conn]struct{}{}}
	p.Restore(t)
	t.Cleanup(p.Cut)
	return p
}

// URL is where the proxy listens.
func (p *Proxy) URL() string { return "https://" + p.listen }

// Cut ends all connections and refuses new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// Restore ends a Cut.
func (p *Proxy) Restore(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", p.listen)
	require.NoError(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.listen = l, l.Addr().String()
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c) })
		}
	})
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	if !p.track(client, server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pipe(server, client, &p.Up) })
	both.Go(func() { pipe(client, server, &p.Down) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

// track notes the connections so that Cut can close them; after a Cut it does
// that itself.
func (p *Proxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.listener == nil {
			c.Close()
			continue
		}
		p.conns[c] = struct{}{}
	}
	return p.listener != nil
}

// pipe copies until one side ends, and then ends the other.
func pipe(to, from net.Conn, bytes *atomic.Int64) {
	_, _ = io.Copy(counter{to, bytes}, from)
	to.Close()
	from.Close()
}

type counter struct {
	io.Writer
	bytes *atomic.Int64
}

func (c counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}
