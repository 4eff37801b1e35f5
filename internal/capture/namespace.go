//go:build linux

package capture

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespace is the network namespace of the node that is captured: the
// process's own, or one that was opened.
type namespace struct{ handle netns.NsHandle }

// openNamespace opens the namespace at path, or stays in the process's own if
// path is empty.
func openNamespace(path string) (namespace, error) {
	if path == "" {
		return namespace{netns.None()}, nil
	}
	handle, err := netns.GetFromPath(path)
	if err != nil {
		return namespace{}, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	if kind, err := unix.IoctlRetInt(int(handle), unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWNET {
		_ = handle.Close()
		return namespace{}, fmt.Errorf("open network namespace %s: it is none", path)
	}
	return namespace{handle}, nil
}

func (n namespace) close() {
	if n.handle.IsOpen() {
		_ = n.handle.Close()
	}
}

// do runs f on a thread that is in the namespace. f must not start goroutines
// that need it.
func (n namespace) do(f func() error) error {
	if !n.handle.IsOpen() {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		// The thread is not unlocked: it ends with the goroutine, whether or not the way back works.
		runtime.LockOSThread()
		if err := netns.Set(n.handle); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", needs(err, "CAP_SYS_ADMIN"))
			return
		}
		done <- f()
	}()
	return <-done
}

// needs names the capability whose lack an EPERM most likely means.
func needs(err error, capability string) error {
	if os.IsPermission(err) || err == unix.EPERM {
		return fmt.Errorf("needs %s: %w", capability, err)
	}
	return err
}
