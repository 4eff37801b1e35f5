//go:build linux

package capture

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

var errNoNamespace = errors.New("the pod's network namespace is not among those that can be opened here")

// namespacePlaces are where container runtimes and processes show their network namespaces.
func namespacePlaces() []string {
	return []string{"/run/netns/*", "/var/run/netns/*", "/run/docker/netns/*", "/proc/[0-9]*/ns/net"}
}

// podNamespaces are open network namespaces by the ids that the captured one knows them by.
type podNamespaces map[int]namespace

func (p podNamespaces) find(nsid int) (namespace, error) {
	pod, found := p[nsid]
	if !found {
		return namespace{}, fmt.Errorf("find network namespace %d: %w", nsid, errNoNamespace)
	}
	return pod, nil
}

func (p podNamespaces) close() {
	for _, pod := range p {
		pod.close()
	}
}

// findNamespaces opens those of the wanted namespaces that show themselves somewhere. Each is asked for
// its id once, however many processes are in it.
func (a *attachments) findNamespaces(wanted []int) (podNamespaces, error) {
	missing := map[int]bool{}
	for _, nsid := range wanted {
		missing[nsid] = true
	}
	found, asked := podNamespaces{}, map[inode]bool{}
	err := a.in.do(func() error {
		for _, pattern := range namespacePlaces() {
			paths, err := filepath.Glob(pattern)
			if err != nil {
				return err
			}
			for _, path := range paths {
				if len(missing) == 0 {
					return nil
				}
				id, pod, ok := openOnce(path, asked)
				if !ok {
					continue
				}
				if !missing[id] {
					pod.close()
					continue
				}
				delete(missing, id)
				found[id] = pod
			}
		}
		return nil
	})
	return found, err
}

// inode tells namespaces apart.
type inode struct{ device, number uint64 }

// openOnce opens a namespace that was not asked before, and returns its id. The thread is in the
// namespace that gives the id.
func openOnce(path string, asked map[inode]bool) (id int, pod namespace, ok bool) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return 0, pod, false
	}
	this := inode{stat.Dev, stat.Ino}
	if asked[this] {
		return 0, pod, false
	}
	asked[this] = true
	handle, err := netns.GetFromPath(path)
	if err != nil {
		return 0, pod, false
	}
	id, err = netlink.GetNetNsIdByFd(int(handle))
	if err != nil {
		_ = handle.Close()
		return 0, pod, false
	}
	return id, namespace{handle}, true
}
