//go:build linux

package nettest

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netns"
)

// Namespace is a network namespace that lives as long as its test.
type Namespace struct {
	Name   string
	Path   string
	delete func() error
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
	n.delete = sync.OnceValue(func() error { return netns.DeleteNamed(n.Name) })
	require.NoError(t, makeNamed(n.Name))
	t.Cleanup(func() { _ = n.delete() })
	n.Up(t, "lo")
	for _, scope := range []string{"all", "default"} {
		n.Sysctl(t, "net.ipv6.conf."+scope+".accept_dad=0")
		n.Sysctl(t, "net.ipv6.conf."+scope+".router_solicitations=0")
	}
	return n
}

// makeNamed makes a namespace where ip(8) looks for them.
func makeNamed(name string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		handle, err := netns.NewNamed(name)
		if err == nil {
			err = handle.Close()
		}
		done <- err
	}()
	return <-done
}

// Delete takes the namespace's name away; it ends with its last socket.
func (n *Namespace) Delete(t testing.TB) {
	t.Helper()
	require.NoError(t, n.delete())
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
	RequireTool(t, "ip")
	return Run(t, "ip", append([]string{"-n", n.Name}, strings.Fields(line)...)...)
}

// Sysctl sets a kernel parameter of the namespace.
func (n *Namespace) Sysctl(t testing.TB, setting string) {
	t.Helper()
	key, value, _ := strings.Cut(setting, "=")
	path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
	n.Do(t, func() { require.NoError(t, os.WriteFile(path, []byte(value), 0o644)) })
}

// Do runs f on a thread that is in the namespace. Sockets that f opens stay
// there. If f ends the test, so does Do.
func (n *Namespace) Do(t testing.TB, f func()) {
	t.Helper()
	done, whole := make(chan struct{}), false
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
		whole = true
	}()
	<-done
	if !whole {
		runtime.Goexit()
	}
}
