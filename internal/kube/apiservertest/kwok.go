//go:build unix

package apiservertest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Kwok starts fake kubelets for all nodes, which do what the stages in the file say. It
// skips the test where kwok was not built.
func (s *Server) Kwok(t testing.TB, stages string) {
	t.Helper()
	program := filepath.Join(s.bin, "kwok")
	if _, err := os.Stat(program); err != nil {
		t.Skip("no kwok beside the API server: run `e2e/apiserver/build.sh kwok`")
	}
	p := start(t, s.dir, program, "--config", stages, "--kubeconfig", s.Kubeconfig(t, Admin, s.url),
		"--manage-all-nodes=true", "--cidr", "198.18.128.0/18", "--node-ip", "198.18.0.99", "--server-address", "127.0.0.1:0")
	t.Cleanup(p.stop)
}

// CPU is the time that the API server has computed.
func (s *Server) CPU(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.PID()) + "/stat")
	require.NoError(t, err)
	// The fields after the name in parentheses (proc_pid_stat(5)): utime and stime are the 14th and 15th of
	// all, in ticks of which Linux shows 100 a second.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		require.NoError(t, err)
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}
