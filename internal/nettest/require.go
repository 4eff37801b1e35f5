//go:build linux

package nettest

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// RequireRoot skips the test without the rights to make namespaces and load
// programs; with EBPFNET_REQUIRE_ROOT=1 that is a failure.
func RequireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	skip(t, "needs root: network namespaces and BPF programs")
}

// RequireTool skips the test where a program is not installed; with
// EBPFNET_REQUIRE_ROOT=1 that is a failure.
func RequireTool(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			skip(t, name+" is not installed")
		}
	}
}

func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("EBPFNET_REQUIRE_ROOT") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// RequireKernel skips the test when err says that this kernel was built without
// something, which no right can change. Other errors fail it.
func RequireKernel(t testing.TB, what string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT),
		errors.Is(err, unix.ENOENT):
		t.Skipf("this kernel has no %s: %v", what, err)
	default:
		t.Fatalf("%s: %v", what, err)
	}
}
