//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
)

var errInsideOff = errors.New("capture::inside_pods is off")

// inside is the hook at the ingress of a pod's own device. It keeps nothing of the pod's network namespace
// open: that would keep the namespace alive when the pod is gone.
type inside struct {
	hook    hook
	program *ebpf.Program
	slot    uint16
}

// goInside attaches to the other end of a pair and lets it count the deliveries
// instead of the host end.
func (a *attachments) goInside(held *attachment, pods podNamespaces) error {
	pod, err := pods.find(held.device.nsid)
	if err != nil {
		return err
	}
	a.mu.Lock()
	slot, err := a.slots.take(held.iface)
	a.slots.inside[slot] = err == nil
	a.mu.Unlock()
	if err != nil {
		return err
	}
	in, err := a.attachInside(held, pod, slot)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		err = a.slots.publish(uint32(held.device.index), held.slot, slotFlags(held.device)|bpf.SlotInside)
	}
	if err != nil {
		a.slots.rest(slot)
		return err
	}
	held.inside = in
	held.unknown = a.clock.now()
	return nil
}

func (a *attachments) attachInside(held *attachment, pod namespace, slot uint16) (*inside, error) {
	program, err := a.objects.LoadInside(uint32(held.device.index), slot)
	if err != nil {
		return nil, err
	}
	in := &inside{program: program, slot: slot}
	at := place{held.device.peer, "the pod's end of " + held.device.name, false}
	if in.hook, err = a.attachIn(pod, held.device.nsid, at, program); err != nil {
		return nil, errors.Join(err, program.Close())
	}
	return in, nil
}

func (a *attachments) attachIn(pod namespace, nsid int, at place, program *ebpf.Program) (hook, error) {
	if a.claim == nil {
		return tcx{pod}.Attach(at, program)
	}
	h := &podFilter{a: a, nsid: nsid, at: at, program: program}
	return h, h.do(pod, func(h hook) error { return h.(*clsactHook).put() })
}

// podFilter is a filter in a pod's network namespace, which is looked for again when it is needed.
type podFilter struct {
	a       *attachments
	nsid    int
	at      place
	program *ebpf.Program
	made    bool // so was the qdisc
}

// do lets f work on the filter.
func (h *podFilter) do(pod namespace, f func(hook) error) error {
	handle, err := netlink.NewHandleAt(pod.handle, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink in the pod's network namespace: %w", err)
	}
	defer handle.Close()
	by := newClsact(handle, h.a.claim.number)
	by.made[h.at.index] = h.made
	err = f(&clsactHook{c: by, at: h.at, program: h.program})
	h.made = by.made[h.at.index]
	return err
}

func (h *podFilter) Close() error {
	pods, err := h.a.findNamespaces([]int{h.nsid})
	defer pods.close()
	if err != nil {
		return err
	}
	pod, err := pods.find(h.nsid)
	if err != nil {
		return nil // gone, and the filter with it
	}
	return h.do(pod, hook.Close)
}

func (h *podFilter) Drop() {}

func (h *podFilter) First() (bool, error) { return true, nil }

// close takes the hook away from the pod's device, if that is still there.
func (i *inside) close() error {
	return errors.Join(i.hook.Close(), i.program.Close())
}
