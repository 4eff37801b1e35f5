//go:build linux

package nettest

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netns"
)

// RequireRoot skips the test without the rights to make namespaces and load
// programs; with EBPFNET_REQUIRE_ROOT=1 that is a failure.
func RequireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	const reason = "needs root: network namespaces and BPF programs"
	if os.Getenv("EBPFNET_REQUIRE_ROOT") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// RequireTool skips the test where a program is not installed; with
// EBPFNET_REQUIRE_ROOT=1 that is a failure.
func RequireTool(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("EBPFNET_REQUIRE_ROOT") == "1" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

// Namespace is a network namespace that lives as long as its test.
type Namespace struct {
	Name string
	Path string
}

// NewNamespace makes one with the loopback device up. IPv6 starts without
// duplicate address detection and router solicitation, so that it is usable, and
// silent, at once.
func NewNamespace(t testing.TB, label string) *Namespace {
	t.Helper()
	RequireRoot(t)
	var unique [4]byte
	_, _ = rand.Read(unique[:])
	n := &Namespace{Name: "eb-" + label + "-" + hex.EncodeToString(unique[:])}
	n.Path = "/run/netns/" + n.Name
	Run(t, "ip", "netns", "add", n.Name)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", n.Name).Run() })
	n.IP(t, "link set lo up")
	for _, scope := range []string{"all", "default"} {
		n.Sysctl(t, "net.ipv6.conf."+scope+".accept_dad=0")
		n.Sysctl(t, "net.ipv6.conf."+scope+".router_solicitations=0")
	}
	return n
}

// Run runs a command and returns what it printed; a failure fails the test.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoErrorf(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// Command is a command that will run in the namespace.
func (n *Namespace) Command(line string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.Name}, strings.Fields(line)...)...)
}

// Exec runs a command line in the namespace and returns what it printed.
func (n *Namespace) Exec(t testing.TB, line string) string {
	t.Helper()
	out, err := n.Command(line).CombinedOutput()
	require.NoErrorf(t, err, "%s: %s: %s", n.Name, line, out)
	return string(out)
}

// IP runs ip(8) in the namespace.
func (n *Namespace) IP(t testing.TB, line string) string {
	t.Helper()
	return Run(t, "ip", append([]string{"-n", n.Name}, strings.Fields(line)...)...)
}

// Sysctl sets a kernel parameter of the namespace.
func (n *Namespace) Sysctl(t testing.TB, setting string) {
	t.Helper()
	n.Do(t, func() {
		key, value, _ := strings.Cut(setting, "=")
		path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
		require.NoError(t, os.WriteFile(path, []byte(value), 0o644))
	})
}

// Do runs f on a thread that is in the namespace. Sockets that f opens stay there.
func (n *Namespace) Do(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		handle, err := netns.GetFromPath(n.Path)
		if err == nil {
			err = netns.Set(handle)
			_ = handle.Close()
		}
		if err != nil {
			t.Errorf("enter %s: %v", n.Name, err)
			return
		}
		f()
	}()
	<-done
}
