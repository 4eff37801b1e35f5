//go:build linux

package capture

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// openHere captures the namespace that the child was started in, and says how many hooks it has.
func openHere(hook string) error {
	config := NewDefaultConfig()
	config.Hook, config.MaxFlows = hook, 1024
	c, err := New(config, Options{Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	fmt.Println(hooksOf(c), "hooks")
	s := newSums()
	return c.Close(s.add, s.report)
}

// outputIn runs a task in a process that is in a namespace and lacks capabilities.
func outputIn(t *testing.T, in *nettest.Namespace, task, argument string, without ...int) (out []byte, err error) {
	t.Helper()
	command := child(t, task, argument)
	in.Do(t, func() { // on a thread that ends
		for _, capability := range without {
			if err = unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0); err != nil {
				return
			}
		}
		out, err = command.Output()
	})
	return out, err
}

func TestWithoutACapabilityTheErrorNamesIt(t *testing.T) {
	t.Parallel()
	node, _ := pairNode(t)
	for _, test := range []struct {
		capability int
		says       string
	}{
		{unix.CAP_BPF, "needs CAP_BPF (maps and programs)"},
		{unix.CAP_PERFMON, "needs CAP_PERFMON (programs that read kernel memory)"},
		{unix.CAP_NET_ADMIN, "needs CAP_NET_ADMIN (programs at interfaces)"},
	} {
		t.Run(test.says, func(t *testing.T) {
			out, err := outputIn(t, node.Namespace, "open", HookAuto, test.capability, unix.CAP_SYS_ADMIN) // that stands for others
			require.Error(t, err)
			require.Contains(t, string(out), test.says)
		})
	}
}

func TestTheThreeCapabilitiesAreEnough(t *testing.T) {
	t.Parallel()
	node, _ := pairNode(t)
	for _, kind := range kinds(t) {
		out, err := outputIn(t, node.Namespace, "open", kind, unix.CAP_SYS_ADMIN)
		require.NoError(t, err, string(out))
		require.Equal(t, "2 hooks\n", string(out))
	}
}

// hide puts an empty file system over a directory, for this process only.
func hide(directory string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("none", directory, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("hide %s: %w", directory, err)
	}
	return nil
}

func openWithoutBTF(string) error {
	return onThisThread(func() error {
		if err := hide(filepath.Dir(btfPath)); err != nil {
			return err
		}
		return openHere(HookAuto)
	})
}

func TestWithoutTypeInformationTheErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	out, err := outputIn(t, nettest.NewNamespace(t, "node"), "without BTF", "")
	require.Error(t, err)
	require.Contains(t, string(out), "this kernel has no type information (BTF) at "+btfPath)
	require.Contains(t, string(out), "CONFIG_DEBUG_INFO_BTF")
}

func openWithoutBPFFS(string) error {
	return onThisThread(func() error {
		if err := hide("/sys/fs"); err != nil {
			return err
		}
		return openHere(HookAuto)
	})
}

func TestWithoutBPFFileSystemAllWorks(t *testing.T) {
	t.Parallel()
	node, _ := pairNode(t)
	out, err := outputIn(t, node.Namespace, "without bpffs", "")
	require.NoError(t, err, string(out))
	require.Equal(t, "2 hooks\n", string(out))
}

func TestHookThatTheKernelHasNotIsRefused(t *testing.T) {
	t.Parallel()
	if kinds(t)[0] == HookTCX {
		t.Skip("this kernel has tcx")
	}
	_, _, err := tryOpen(t, "", byHook(HookTCX))
	require.ErrorIs(t, err, errNoTCX)
	require.ErrorContains(t, err, "capture::hook is tcx: this kernel has no tcx (Linux 6.6 and newer)")
}

func TestWrongNamespaceIsRefused(t *testing.T) {
	t.Parallel()
	_, _, err := tryOpen(t, "/run/netns/no-such-namespace", nil)
	require.ErrorContains(t, err, "open network namespace /run/netns/no-such-namespace: no such file or directory")
	_, _, err = tryOpen(t, "/proc/self/status", nil)
	require.ErrorContains(t, err, "open network namespace /proc/self/status: it is none")
}
