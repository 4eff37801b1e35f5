//go:build linux

package capture

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// attachments keeps the wanted interfaces captured. One goroutine at a time attaches and
// detaches, the watcher's, since the kernel takes its time for it: a grace period for each tcx
// hook. What drains and telemetry share with it is guarded by mu, which nobody holds while
// waiting for the kernel.
type attachments struct {
	in        namespace
	selection selection
	objects   *bpf.Objects
	counters  *statistics
	netlink   *netlink.Handle
	grace     func() error // waits for programs that run
	claim     *claim       // nil: no filters are put
	tc        attacher
	xdp       attacher // nil: not asked for
	xdpProg   *ebpf.Program
	clock     clock
	logger    *zap.Logger

	insideAllowed bool

	known   map[int]bool    // interfaces that were there at the last reconcile; others are new
	running bool            // what was there at the start is attached
	warned  map[string]bool // patterns that matched nothing
	closing atomic.Bool     // stop attaching

	mu       sync.Mutex
	slots    *slots
	byIndex  map[int]*attachment // changed by the watcher only
	failed   map[int]failure
	failures map[string]uint64 // by reason, ever
	gap      gapReport
	checkDue bool // hooks shall be looked at that nothing tells us about
}

// failure is an interface that should be captured and is not, or not whole.
type failure struct {
	reason string
	name   string
}

// reconcile attaches what the topology wants, and detaches the rest.
func (a *attachments) reconcile(t *topology) {
	if !a.running {
		a.sweepAll(t)
	}
	before := map[int][2]balance{} // interfaces that change their role
	for index, held := range a.byIndex {
		d, there := t.devices[index]
		role := t.role(d, a.selection)
		switch {
		case !there, role != held.iface.Role:
			before[index] = a.detach(held)
		case d.name != held.device.name:
			a.rename(held, d)
		default:
			held.device = d
		}
	}
	for index, d := range t.devices {
		role := t.role(d, a.selection)
		if role != flow.NoRole && a.byIndex[index] == nil && !a.closing.Load() {
			a.attach(d, role, before[index])
		}
	}
	a.forgetFailed(t)
	a.warnUnmatched(t)
	a.known = map[int]bool{}
	for index := range t.devices {
		a.known[index] = true
	}
	a.running = true
}

// rename keeps the hooks: the interface is the same.
func (a *attachments) rename(held *attachment, d device) {
	a.mu.Lock()
	defer a.mu.Unlock()
	renamed := *held.iface
	renamed.Name = d.name
	held.device, held.iface = d, &renamed
	a.slots.owner[held.slot] = held.iface
	if held.inside != nil {
		a.slots.owner[held.inside.slot] = held.iface
	}
}

// forgetFailed drops the failures of interfaces that are gone, or not wanted any more.
func (a *attachments) forgetFailed(t *topology) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for index := range a.failed {
		if d, there := t.devices[index]; !there || t.role(d, a.selection) == flow.NoRole {
			delete(a.failed, index)
		}
	}
}

// linkGone forgets an interface at once, so that a new one with its index is seen as new.
func (a *attachments) linkGone(index int) {
	delete(a.known, index)
	held := a.byIndex[index]
	if held == nil {
		return
	}
	for _, h := range held.hooks {
		if h != nil {
			h.Drop()
		}
	}
	a.forget(held)
}

func (a *attachments) attach(d device, role flow.Role, before [2]balance) {
	held, err := a.tryAttach(d, role, before)
	if err != nil {
		a.fail(d, "interface not captured", err)
		return
	}
	a.mu.Lock()
	a.byIndex[d.index] = held
	delete(a.failed, d.index)
	a.mu.Unlock()
	a.logger.Debug("interface attached", zap.String("interface", d.name), zap.Stringer("role", role))
}

// fail counts what did not work, and tells it once. An interface that is gone is no failure.
func (a *attachments) fail(d device, what string, err error) {
	if vanished(err) {
		return
	}
	f := failure{reasonOf(err), d.name}
	a.mu.Lock()
	a.failures[f.reason]++
	told := a.failed[d.index] == f
	a.failed[d.index] = f
	a.mu.Unlock()
	if !told {
		a.logger.Warn(what, zap.String("interface", d.name), zap.Error(err))
	}
}

// detach takes the hooks away, and returns what an attachment that follows it should know.
func (a *attachments) detach(held *attachment) [2]balance {
	if err := held.closeHooks(); err != nil && !vanished(err) {
		a.logger.Warn("interface not detached cleanly", zap.String("interface", held.iface.Name), zap.Error(err))
	}
	a.forget(held)
	return a.inherit(held)
}

// forget ends an attachment whose hooks are gone. Its slot rests until all that it counted is drained.
func (a *attachments) forget(held *attachment) {
	inside := held.inside
	if inside != nil {
		if err := inside.close(); err != nil && !vanished(err) {
			a.logger.Warn("pod's device not detached cleanly", zap.String("interface", held.iface.Name), zap.Error(err))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byIndex, held.device.index)
	delete(a.failed, held.device.index)
	a.slots.rest(held.slot)
	if inside != nil {
		a.slots.rest(inside.slot)
	}
}

// close detaches everything. No watcher runs any more.
func (a *attachments) close() {
	a.settleAll(a.settleAtEnd)
	for _, held := range a.byIndex {
		a.detach(held)
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
		for i, hook := range held.hooks {
			if hook != nil {
				attached[AttachedKey{held.iface.Role, held.by[i].Kind(), i == int(bpf.HookEgress)}]++
			}
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
