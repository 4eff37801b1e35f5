//go:build linux

package capture

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// childArgument is what a child's task works with.
const childArgument = "EBPFNET_TEST_ARGUMENT"

// ready is what a child says when it did its task and waits.
const ready = "ready"

// runChild does what a test wants another process for; returns its exit status.
func runChild(task string) int {
	tasks := map[string]func(argument string) error{
		"hold":          holdByTC,
		"open":          openHere,
		"without BTF":   openWithoutBTF,
		"without bpffs": openWithoutBPFFS,
	}
	do, known := tasks[task]
	if !known {
		fmt.Fprintln(os.Stderr, "no such task:", task)
		return 2
	}
	if err := do(os.Getenv(childArgument)); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// child is this test binary with a task.
func child(t *testing.T, task, argument string) *exec.Cmd {
	t.Helper()
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), childTask+"="+task, childArgument+"="+argument)
	command.Stderr = os.Stderr
	return command
}

// startChild starts a task that waits, and returns when it does. The child ends with the test.
func startChild(t *testing.T, task, argument string) *exec.Cmd {
	t.Helper()
	command := child(t, task, argument)
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, line)
	require.Equal(t, ready+"\n", line)
	return command
}

// holdByTC captures with filters until it is killed, or its input ends.
func holdByTC(netNS string) error {
	config := NewDefaultConfig()
	config.Hook, config.MaxFlows = HookTC, 1024
	if _, err := New(config, Options{NetNS: netNS, Logger: zap.NewNop()}); err != nil {
		return err
	}
	fmt.Println(ready)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// onThisThread runs f with its goroutine bound to its thread, whose name spaces it may change.
func onThisThread(f func() error) error {
	runtime.LockOSThread()
	return f()
}
