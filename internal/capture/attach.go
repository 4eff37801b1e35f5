//go:build linux

package capture

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// attachment is an interface that is captured.
type attachment struct {
	iface    *flow.Interface
	device   device
	slot     uint16
	hooks    [2]hook // by bpf.HookIngress, bpf.HookEgress
	programs [2]*ebpf.Program
	by       [2]attacher
	before   [2]flow.Count // passed unseen: before we attached, or while a hook was gone
	base     [2]bpf.Stats  // what the slot had counted for its last owner
	inside   *inside       // the hook at the pod's own device, if deliveries bypass the host end
	bypass   bypass

	reattached [2]time.Time
}

// failure is an interface that should be captured and is not.
type failure struct {
	reason string
	name   string
}

// attachments keeps the wanted interfaces captured. Its methods are called by
// the watcher and by drains.
type attachments struct {
	mu        sync.Mutex
	in        namespace
	selection selection
	objects   *bpf.Objects
	slots     *slots
	counters  *counters
	netlink   *netlink.Handle
	tc        attacher
	xdp       attacher // nil: not asked for
	xdpProg   *ebpf.Program
	clock     clock
	logger    *zap.Logger

	insideAllowed bool

	byIndex  map[int]*attachment
	failed   map[int]failure
	failures map[string]uint64 // by reason, ever
	warned   map[string]bool   // patterns that matched nothing
	running  bool              // what was there at the start is attached
	gap      gapReport
	closed   bool
}

// reconcile attaches what the topology wants, and detaches the rest.
func (a *attachments) reconcile(t *topology) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	for index, held := range a.byIndex {
		d, there := t.devices[index]
		if there && d.name == held.device.name && t.role(d, a.selection) == held.iface.Role {
			held.device = d
			continue
		}
		a.detach(index, held)
	}
	for index, d := range t.devices {
		role := t.role(d, a.selection)
		if role == flow.NoRole || a.byIndex[index] != nil {
			continue
		}
		a.attach(d, role)
	}
	for index := range a.failed {
		if _, there := t.devices[index]; !there {
			delete(a.failed, index)
		}
	}
	a.warnUnmatched(t)
	a.running = true
}

// linkGone forgets an interface at once, so that a new one with its index is seen as new.
func (a *attachments) linkGone(index int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if held := a.byIndex[index]; held != nil {
		a.detach(index, held)
	}
}

func (a *attachments) attach(d device, role flow.Role) {
	held, err := a.tryAttach(d, role)
	switch {
	case err == nil:
		a.byIndex[d.index] = held
		delete(a.failed, d.index)
		a.logger.Debug("interface attached", zap.String("interface", d.name), zap.Stringer("role", role))
	case vanished(err):
		delete(a.failed, d.index)
	default:
		reason := reasonOf(err)
		a.failures[reason]++
		if a.failed[d.index] != (failure{reason, d.name}) {
			a.logger.Warn("interface not captured", zap.String("interface", d.name), zap.Error(err))
		}
		a.failed[d.index] = failure{reason, d.name}
	}
}

func (a *attachments) tryAttach(d device, role flow.Role) (*attachment, error) {
	held := &attachment{iface: &flow.Interface{Index: d.index, Name: d.name, Role: role}, device: d}
	held.programs, held.by = a.plan(role)
	slot, err := a.slots.take(held.iface)
	if err != nil {
		return nil, err
	}
	held.slot = slot
	if held.base, err = a.counters.total(slot); err == nil {
		err = a.slots.publish(uint32(d.index), slot, slotFlags(d))
	}
	if err == nil {
		err = a.attachHooks(held)
	}
	if err != nil {
		return nil, errors.Join(err, a.slots.retire(uint32(d.index), slot))
	}
	return held, nil
}

func slotFlags(d device) uint16 {
	if d.ethernet {
		return 0
	}
	return bpf.SlotNoEthernet
}

// plan says which program goes to which hook, and how.
func (a *attachments) plan(role flow.Role) (programs [2]*ebpf.Program, by [2]attacher) {
	by = [2]attacher{a.tc, a.tc}
	if role == flow.PodSide {
		return [2]*ebpf.Program{a.objects.PodIngress, a.objects.PodEgress}, by
	}
	programs = [2]*ebpf.Program{a.objects.UplinkIngress, a.objects.UplinkEgress}
	if a.xdp != nil {
		programs[bpf.HookIngress], by[bpf.HookIngress] = a.xdpProg, a.xdp
	}
	return programs, by
}

// attachHooks reads the kernel's statistics just before, so that what passed
// unseen is known.
func (a *attachments) attachHooks(held *attachment) error {
	l, err := a.netlink.LinkByIndex(held.device.index)
	if err != nil {
		return fmt.Errorf("read statistics of %s: %w", held.device.name, err)
	}
	if c, ok := a.tc.(*clsact); ok {
		if err := c.sweep(held.device.index); err != nil {
			return fmt.Errorf("clean up %s: %w", held.device.name, err)
		}
	}
	held.before = countersOf(l)
	for i := range held.hooks {
		at := place{held.device.index, held.device.name, i == int(bpf.HookEgress)}
		if held.hooks[i], err = held.by[i].Attach(at, held.programs[i]); err != nil {
			return errors.Join(err, held.closeHooks())
		}
	}
	if held.before != [2]flow.Count{} && !a.running {
		held.iface.Began = a.clock.now() // else it was made a moment ago
	}
	for i := range held.before {
		a.gap.add(held.iface, uint8(i), beforeAttach, held.before[i])
	}
	return nil
}

func (h *attachment) closeHooks() error {
	var errs []error
	for i, hook := range h.hooks {
		if hook != nil {
			errs = append(errs, hook.Close())
			h.hooks[i] = nil
		}
	}
	if h.inside != nil {
		errs = append(errs, h.inside.close())
		h.inside = nil
	}
	return errors.Join(errs...)
}

func (a *attachments) detach(index int, held *attachment) {
	inside := held.inside
	err := errors.Join(held.closeHooks(), a.slots.retire(uint32(index), held.slot))
	if inside != nil {
		a.slots.rest(inside.slot)
	}
	delete(a.byIndex, index)
	if err != nil && !vanished(err) {
		a.logger.Warn("interface not detached cleanly", zap.String("interface", held.iface.Name), zap.Error(err))
	}
}

// close detaches everything.
func (a *attachments) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for index, held := range a.byIndex {
		a.detach(index, held)
	}
}

func (a *attachments) warnUnmatched(t *topology) {
	for _, pattern := range a.selection.include {
		found := pattern == interfaceAuto
		for _, d := range t.devices {
			found = found || matches([]string{pattern}, d.name)
		}
		if !found && !a.warned[pattern] {
			a.logger.Warn("no interface matches yet, waiting for one", zap.String("capture::interfaces", pattern))
		}
		a.warned[pattern] = !found
	}
}

// vanished recognises errors that only say that the interface is gone.
func vanished(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.Is(err, unix.ENODEV) || errors.As(err, &notFound)
}

// reasonOf is the value of the attribute reason.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "permission"
	case errors.Is(err, errOccupied), errors.Is(err, unix.EBUSY):
		return "occupied"
	case errors.Is(err, errNoSlot):
		return "no_slot"
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.EOPNOTSUPP):
		return "not_supported"
	default:
		return "error"
	}
}

// state counts what is captured by role and hook, and what is not by reason.
func (a *attachments) state() (attached map[AttachedKey]int, failed map[string]int, failures map[string]uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	attached, failed, failures = map[AttachedKey]int{}, map[string]int{}, map[string]uint64{}
	for _, held := range a.byIndex {
		for i, by := range held.by {
			attached[AttachedKey{held.iface.Role, by.Kind(), i == int(bpf.HookEgress)}]++
		}
	}
	for _, f := range a.failed {
		failed[f.reason]++
	}
	for reason, n := range a.failures {
		failures[reason] = n
	}
	return attached, failed, failures
}

// indexes are the captured interfaces, sorted, for tests and logs.
func (a *attachments) indexes() []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []int
	for index := range a.byIndex {
		all = append(all, index)
	}
	slices.Sort(all)
	return all
}
