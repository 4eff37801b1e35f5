//go:build linux

package capture

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// open starts a capture with an adjusted configuration and returns what it logs.
func open(t *testing.T, node *nettest.Namespace, adjust func(*Config)) (*Capture, *observer.ObservedLogs) {
	t.Helper()
	c, logs, err := tryOpen(t, node.Path, adjust)
	require.NoError(t, err)
	return c, logs
}

func tryOpen(t *testing.T, path string, adjust func(*Config)) (*Capture, *observer.ObservedLogs, error) {
	t.Helper()
	nettest.RequireRoot(t)
	config := NewDefaultConfig()
	config.MaxFlows = 16384
	if adjust != nil {
		adjust(&config)
	}
	require.NoError(t, config.Validate())
	core, logs := observer.New(zapcore.DebugLevel)
	c, err := New(config, Options{NetNS: path, Logger: zap.New(core)})
	return c, logs, err
}

func byHook(kind string) func(*Config) {
	return func(c *Config) { c.Hook = kind }
}

// kinds are the tc hooks that this kernel has.
func kinds(t *testing.T) []string {
	t.Helper()
	nettest.RequireRoot(t)
	if supportsTCX(namespace{-1}) == nil {
		return []string{HookTCX, HookTC}
	}
	return []string{HookTC}
}

// requireTCX skips the test on kernels that have none.
func requireTCX(t *testing.T) {
	t.Helper()
	if kinds(t)[0] != HookTCX {
		t.Skip(errNoTCX.Error())
	}
}

// waitFor waits until both hooks of so many interfaces are there.
func waitFor(t *testing.T, c *Capture, interfaces int) {
	t.Helper()
	require.Eventually(t, func() bool { return hooksOf(c) == 2*interfaces }, 30*time.Second, time.Millisecond,
		"%d interfaces attached", interfaces)
}

func hooksOf(c *Capture) (n int) {
	hooks, _, _ := c.Attached()
	for _, of := range hooks {
		n += of
	}
	return n
}

// inVM tells whether this is an emulated machine, where tests do less of the same.
func inVM() bool { return os.Getenv("VM") != "" }

func lessInVM(n int) int {
	if inVM() {
		return n / 10
	}
	return n
}
