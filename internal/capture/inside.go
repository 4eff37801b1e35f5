//go:build linux

package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
)

var (
	errInsideOff   = errors.New("capture::inside_pods is off")
	errNoNamespace = errors.New("the pod's network namespace is not among those that can be opened here")
)

// inside is the hook at the ingress of a pod's own device.
type inside struct {
	hook    hook
	program *ebpf.Program
	pod     namespace
	slot    uint16
}

func (i *inside) close() error {
	err := i.hook.Close()
	if vanished(err) {
		err = nil
	}
	i.pod.close()
	return errors.Join(err, i.program.Close())
}

// goInside attaches to the other end of a pair and lets it count the deliveries
// instead of the host end.
func (a *attachments) goInside(held *attachment) error {
	pod, err := a.findNamespace(held.device.nsid)
	if err != nil {
		return err
	}
	in := &inside{pod: pod}
	if in.slot, err = a.slots.take(held.iface); err != nil {
		pod.close()
		return err
	}
	if err := a.attachInside(held, in); err != nil {
		pod.close()
		a.slots.rest(in.slot)
		return err
	}
	held.inside = in
	return nil
}

func (a *attachments) attachInside(held *attachment, in *inside) (err error) {
	in.program, err = a.objects.LoadInside(uint32(held.device.index), in.slot)
	if err != nil {
		return err
	}
	by, err := attacherIn(in.pod, a.tc.Kind())
	if err == nil {
		in.hook, err = by.Attach(place{held.device.peer, "the pod's end of " + held.device.name, false}, in.program)
	}
	if err != nil {
		return errors.Join(err, in.program.Close())
	}
	flags := slotFlags(held.device) | bpf.SlotInside
	if err := a.slots.publish(uint32(held.device.index), held.slot, flags); err != nil {
		return errors.Join(err, in.close())
	}
	return nil
}

// namespacePlaces are where container runtimes and processes show their network namespaces.
func namespacePlaces() []string {
	return []string{"/run/netns/*", "/var/run/netns/*", "/run/docker/netns/*", "/proc/[0-9]*/ns/net"}
}

// findNamespace opens the namespace that this one knows by the id nsid.
func (a *attachments) findNamespace(nsid int) (namespace, error) {
	var found namespace
	err := a.in.do(func() error {
		for _, pattern := range namespacePlaces() {
			paths, err := filepath.Glob(pattern)
			if err != nil {
				return err
			}
			for _, path := range paths {
				handle, err := netns.GetFromPath(path)
				if errors.Is(err, fs.ErrPermission) || err != nil {
					continue
				}
				if id, err := netlink.GetNetNsIdByFd(int(handle)); err == nil && id == nsid {
					found = namespace{handle}
					return nil
				}
				_ = handle.Close()
			}
		}
		return errNoNamespace
	})
	if err != nil {
		return namespace{}, fmt.Errorf("find network namespace %d: %w", nsid, err)
	}
	return found, nil
}
