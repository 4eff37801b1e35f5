//go:build unix

// Package apiservertest starts a real API server, with an etcd of its own, for
// tests. It knows processes, ports and credentials; what the tests put into the
// server is theirs.
package apiservertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Admin is the user who may do everything.
const Admin = "admin"

// ServiceCIDR is where the server takes cluster addresses from.
const ServiceCIDR = "198.19.0.0/16"

// Server is an API server with authorization by RBAC.
type Server struct {
	dir    string // of keys, logs and data
	args   []string
	bin    string
	url    string
	server *process
}

// Start starts etcd and an API server on free ports of the loopback, with
// Admin and users (who may do nothing yet) known to it. Both end with the test.
// Flags are added to the API server's own.
func Start(t testing.TB, users []string, flags ...string) *Server {
	t.Helper()
	s := &Server{bin: binaries(t), dir: t.TempDir()}
	etcd, peer, port := freePort(t), freePort(t), freePort(t)
	s.url = "https://127.0.0.1:" + port
	etcdURL, peerURL := "http://127.0.0.1:"+etcd, "http://127.0.0.1:"+peer
	e := start(t, s.dir, filepath.Join(s.bin, "etcd"),
		"--data-dir", filepath.Join(s.dir, "etcd"), "--unsafe-no-fsync", "--quota-backend-bytes", "4294967296",
		"--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL,
		"--listen-peer-urls", peerURL, "--initial-advertise-peer-urls", peerURL, "--initial-cluster", "default="+peerURL)
	t.Cleanup(e.stop)
	s.writeTokens(t, users)
	s.writeKey(t)
	s.args = append([]string{
		"--etcd-servers", etcdURL, "--bind-address", "127.0.0.1", "--secure-port", port,
		"--cert-dir", s.dir, "--token-auth-file", filepath.Join(s.dir, "tokens"),
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", filepath.Join(s.dir, "key"),
		"--service-account-signing-key-file", filepath.Join(s.dir, "key"),
		"--service-cluster-ip-range", ServiceCIDR, "--authorization-mode", "RBAC",
		"--disable-admission-plugins", "ServiceAccount", // its controller is not here
	}, flags...)
	s.Restart(t)
	t.Cleanup(func() { s.server.stop() })
	return s
}

// Restart starts the API server anew, after ending it if it runs.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	s.server = start(t, s.dir, filepath.Join(s.bin, "kube-apiserver"), s.args...)
	require.Eventually(t, func() bool { return s.server.ended() || s.ready() },
		2*time.Minute, 50*time.Millisecond, "the API server does not become ready")
	if s.server.ended() {
		t.Fatalf("kube-apiserver ended:\n%s", s.server.log())
	}
}

// Stop ends the API server; its data stays.
func (s *Server) Stop() {
	if s.server != nil {
		s.server.stop()
	}
}

// Pause stops the API server as it stands: its connections stay, but nobody
// answers. Resume ends that.
func (s *Server) Pause(t testing.TB)  { require.NoError(t, s.server.pause()) }
func (s *Server) Resume(t testing.TB) { require.NoError(t, s.server.resume()) }

// PID is the API server's.
func (s *Server) PID() int { return s.server.cmd.Process.Pid }

// URL is where the server listens.
func (s *Server) URL() string { return s.url }

// Config are the user's credentials.
func (s *Server) Config(user string) *rest.Config {
	return &rest.Config{
		Host: s.url, BearerToken: token(user), QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(s.dir, "apiserver.crt")},
	}
}

// Kubeconfig is the path of a file with the user's credentials, for the server
// at url: the Server's own, or a Proxy's.
func (s *Server) Kubeconfig(t testing.TB, user, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			"test": {Server: url, CertificateAuthority: filepath.Join(s.dir, "apiserver.crt")},
		},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{user: {Token: token(user)}},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: user}},
		CurrentContext: "test",
	}, path))
	return path
}

func token(user string) string { return "token-of-" + user }

func (s *Server) ready() bool {
	rc := s.Config(Admin)
	client, err := rest.HTTPClientFor(rc)
	if err != nil {
		return false // no certificate yet
	}
	defer client.CloseIdleConnections()
	r, err := client.Get(s.url + "/readyz")
	if err != nil {
		return false
	}
	defer r.Body.Close()
	return r.StatusCode == http.StatusOK
}

func (s *Server) writeTokens(t testing.TB, users []string) {
	lines := []string{fmt.Sprintf("%s,%s,%s,system:masters", token(Admin), Admin, Admin)}
	for _, user := range users {
		lines = append(lines, fmt.Sprintf("%s,%s,%s", token(user), user, user))
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "tokens"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// writeKey makes the key of service account tokens, without which no server starts.
func (s *Server) writeKey(t testing.TB) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "key"), text, 0o600))
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}
