//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	filterPriority = 1
	filterName     = "ebpfnet"
	// filterMadeQdisc is the name of a filter whose qdisc was made for it: whoever of us is the last to leave
	// removes that as well, even after a crash of who made it.
	filterMadeQdisc = "ebpfnet+clsact"

	// Instances of this receiver on one node have handles of their own, from this one on.
	filterHandle   = 0xebf0
	filterMaxCount = 16
)

// parents are the two lists of filters that a clsact qdisc has.
func parents() [2]uint32 {
	return [2]uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS}
}

// clsact attaches with the traffic control filters that every kernel has, at
// priority 1. A filter stays when its process dies, so each instance holds a claim
// that ends with it, and sweep removes filters whose claim nobody holds.
type clsact struct {
	netlink *netlink.Handle
	number  int          // of the instance's claim
	made    map[int]bool // interfaces whose qdisc an instance of this receiver made
}

func newClsact(handle *netlink.Handle, number int) *clsact {
	return &clsact{netlink: handle, number: number, made: map[int]bool{}}
}

func (*clsact) Kind() string { return HookTC }

func (c *clsact) Attach(at place, program *ebpf.Program) (hook, error) {
	h := &clsactHook{c: c, at: at, program: program}
	if err := h.put(); err != nil {
		return nil, err
	}
	return h, nil
}

// clsactHook is a filter of ours.
type clsactHook struct {
	c       *clsact
	at      place
	program *ebpf.Program
}

func (h *clsactHook) parent() uint32 {
	if h.at.egress {
		return netlink.HANDLE_MIN_EGRESS
	}
	return netlink.HANDLE_MIN_INGRESS
}

func (h *clsactHook) filter() *netlink.BpfFilter {
	f := &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: h.at.index,
			Parent:    h.parent(),
			Handle:    uint32(filterHandle + h.c.number),
			Protocol:  unix.ETH_P_ALL,
			Priority:  filterPriority,
		},
		Fd:           h.program.FD(),
		Name:         filterName,
		DirectAction: true,
	}
	if h.c.made[h.at.index] {
		f.Name = filterMadeQdisc
	}
	return f
}

// put makes the qdisc if there is none, and adds the filter.
func (h *clsactHook) put() error {
	if err := h.c.ensureQdisc(h.at); err != nil {
		return err
	}
	err := h.c.netlink.FilterAdd(h.filter())
	if err == nil {
		return nil
	}
	other, ours := h.occupant()
	switch {
	case ours: // left by a crash, under the number that is ours now
		err = h.c.netlink.FilterReplace(h.filter())
	case other != "":
		return fmt.Errorf("add filter to %s: a %s filter has priority %d: %w", h.at.name, other, filterPriority, errOccupied)
	}
	if err != nil {
		return fmt.Errorf("add filter to %s: %w", h.at.name, needs(err, "CAP_NET_ADMIN and CAP_BPF"))
	}
	return nil
}

// occupant is the kind of a filter that ours cannot stand beside, or says that it is ours.
func (h *clsactHook) occupant() (kind string, ours bool) {
	filters, _ := listFilters(h.c.netlink, h.at.index, h.parent())
	for _, f := range filters {
		if f.Attrs().Priority != filterPriority {
			continue
		}
		_, number, known := ourFilter(f)
		switch {
		case known && number == h.c.number:
			return "", true
		case f.Type() != "bpf", f.Attrs().Protocol != unix.ETH_P_ALL, !known && f.Attrs().Handle == h.filter().Handle:
			return f.Type(), false
		}
	}
	return "", false
}

// First reads the list until it comes to our filter. Those of other instances of this
// receiver always go on, and may stand before it.
func (h *clsactHook) First() (bool, error) {
	filters, err := listFilters(h.c.netlink, h.at.index, h.parent())
	if err != nil {
		return false, err
	}
	for _, f := range filters {
		name, number, known := ourFilter(f)
		if !known {
			return false, nil
		}
		if name == filterMadeQdisc {
			h.c.made[h.at.index] = true
		}
		if number == h.c.number {
			return true, nil
		}
	}
	return false, nil
}

// Close removes the filter, and the qdisc if one of us made it and nobody uses it. If
// the filter is not there, the qdisc may be another one by now, and stays.
func (h *clsactHook) Close() error {
	err := h.c.netlink.FilterDel(h.filter())
	if gone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove filter from %s: %w", h.at.name, err)
	}
	if !h.c.made[h.at.index] {
		return nil
	}
	return h.c.removeQdisc(h.at)
}

func (h *clsactHook) Drop() { delete(h.c.made, h.at.index) }

// gone recognises what netlink says when the interface, its qdisc or the filter vanished.
func gone(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL)
}

// listFilters returns the filters in the order in which they run.
func listFilters(handle *netlink.Handle, index int, parent uint32) ([]netlink.Filter, error) {
	filters, err := handle.FilterList(&netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: index}}, parent)
	if err != nil && !gone(err) {
		return nil, fmt.Errorf("list filters: %w", err)
	}
	return filters, nil
}

// ourFilter recognises a filter of an instance of this receiver, by its name and handle.
func ourFilter(f netlink.Filter) (name string, number int, ours bool) {
	b, is := f.(*netlink.BpfFilter)
	if !is || b.Name != filterName && b.Name != filterMadeQdisc {
		return "", 0, false
	}
	if b.Handle < filterHandle || b.Handle >= filterHandle+filterMaxCount || b.Priority != filterPriority {
		return "", 0, false
	}
	return b.Name, int(b.Handle - filterHandle), true
}
