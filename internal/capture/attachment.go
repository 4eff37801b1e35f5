//go:build linux

package capture

import (
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// notYet is a time that no packet comes after: Began while some hook is missing, and UnknownUntil while
// deliveries bypass us and are not counted inside.
const notYet = flow.Nanos(math.MaxInt64)

// attachment is an interface that is captured. The watcher changes it; fields that drains read, under
// the mutex of the attachments.
type attachment struct {
	device   device
	slot     uint16
	programs [2]*ebpf.Program // by bpf.HookIngress, bpf.HookEgress
	by       [2]attacher
	base     [2]bpf.Stats // what the slot had counted for its last owner
	known    [2]balance   // of the interface's own statistics, besides what this slot saw
	reason   [2]string    // why packets passed unseen the last time that some did
	putBack  [2]retrial

	iface   *flow.Interface // guarded, like the rest
	hooks   [2]hook
	inside  *inside // the hook at the pod's own device, if deliveries bypass the host end
	bypass  bypass
	began   flow.Nanos // for Interface.Began, which changes between drains only
	unknown flow.Nanos // for Interface.UnknownUntil, likewise
}

// tryAttach attaches the programs of a role to an interface.
func (a *attachments) tryAttach(d device, role flow.Role, known [2]balance) (*attachment, error) {
	held := &attachment{
		device: d, iface: &flow.Interface{Index: d.index, Name: d.name, Role: role},
		known: known, reason: [2]string{beforeAttach, beforeAttach},
	}
	held.programs, held.by = a.plan(d, role)
	old, err := a.isOld(d)
	if err != nil {
		return nil, err
	}
	if old {
		held.began, held.iface.Began = notYet, notYet
	}
	if err := a.takeSlot(held); err != nil {
		return nil, err
	}
	for i := range held.hooks {
		if held.hooks[i], err = held.by[i].Attach(held.place(i), held.programs[i]); err != nil {
			err = errors.Join(err, held.closeHooks())
			a.mu.Lock()
			defer a.mu.Unlock()
			a.slots.rest(held.slot)
			return nil, err
		}
	}
	if held.began == notYet {
		held.began = a.clock.now()
	}
	for i := range held.hooks {
		a.settle(held, i)
	}
	return held, nil
}

// isOld tells whether packets passed the interface that we could have seen had we been here. The first
// ones of an interface that was made a moment ago are of no connection that began before.
func (a *attachments) isOld(d device) (bool, error) {
	if a.running && !a.known[d.index] {
		return false, nil
	}
	l, err := a.netlink.LinkByIndex(d.index)
	if err != nil {
		return false, fmt.Errorf("read statistics of %s: %w", d.name, err)
	}
	return countersOf(l) != [2]flow.Count{}, nil
}

// takeSlot gives the attachment its place in the programs' tables.
func (a *attachments) takeSlot(held *attachment) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if held.slot, err = a.slots.take(held.iface); err != nil {
		return err
	}
	if held.base, err = a.counters.total(held.slot); err == nil {
		err = a.slots.publish(uint32(held.device.index), held.slot, slotFlags(held.device))
	}
	if err != nil {
		a.slots.rest(held.slot)
	}
	return err
}

func slotFlags(d device) uint16 {
	if d.ethernet {
		return 0
	}
	return bpf.SlotNoEthernet
}

// plan says which program goes to which hook, and how. The XDP program reads Ethernet only.
func (a *attachments) plan(d device, role flow.Role) (programs [2]*ebpf.Program, by [2]attacher) {
	by = [2]attacher{a.tc, a.tc}
	if role == flow.PodSide {
		return [2]*ebpf.Program{a.objects.PodIngress, a.objects.PodEgress}, by
	}
	programs = [2]*ebpf.Program{a.objects.UplinkIngress, a.objects.UplinkEgress}
	if a.xdp != nil && d.ethernet {
		programs[bpf.HookIngress], by[bpf.HookIngress] = a.xdpProg, a.xdp
	}
	return programs, by
}

func (h *attachment) place(i int) place {
	return place{h.device.index, h.device.name, i == int(bpf.HookEgress)}
}

func (h *attachment) closeHooks() error {
	var errs []error
	for _, hook := range h.hooks {
		if hook != nil {
			errs = append(errs, hook.Close())
		}
	}
	return errors.Join(errs...)
}

// mark makes known to users of the interface what happened to its hooks. Called between drains.
func (h *attachment) mark() {
	h.iface.Began, h.iface.UnknownUntil = h.began, h.unknown
}
