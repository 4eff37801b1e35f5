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

	// Instances of this receiver on one node have handles of their own, from this one on.
	filterHandle   = 0xebf0
	filterMaxCount = 16
)

// clsact attaches with the traffic control filters that every kernel has, at
// priority 1. A filter stays when its process dies, so each instance holds a claim
// that ends with it, and removes filters whose claim nobody holds.
type clsact struct {
	in      namespace
	netlink *netlink.Handle
	claim   *claim
}

func newClsact(in namespace, handle *netlink.Handle) (*clsact, error) {
	c := &clsact{in: in, netlink: handle}
	held, err := claimFirst(in)
	if err != nil {
		return nil, err
	}
	c.claim = held
	return c, nil
}

func (*clsact) Kind() string { return HookTC }

func (c *clsact) Close() { c.claim.Close() }

func (c *clsact) Attach(at place, program *ebpf.Program) (hook, error) {
	h := &clsactHook{c: c, at: at, program: program}
	if err := h.put(); err != nil {
		return nil, err
	}
	return h, nil
}

// sweep removes the filters that crashed instances left at an interface.
func (c *clsact) sweep(index int) error {
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		filters, err := c.list(index, parent)
		if err != nil {
			return err
		}
		for _, f := range filters {
			bpf, ok := f.(*netlink.BpfFilter)
			if !ok || bpf.Name != filterName || bpf.Handle < filterHandle || bpf.Handle >= filterHandle+filterMaxCount {
				continue
			}
			number := int(bpf.Handle - filterHandle)
			if number == c.claim.number || isClaimed(c.in, number) {
				continue
			}
			if err := c.netlink.FilterDel(bpf); err != nil && !gone(err) {
				return fmt.Errorf("remove stale filter: %w", err)
			}
		}
	}
	return nil
}

// list returns the filters in the order in which they run.
func (c *clsact) list(index int, parent uint32) ([]netlink.Filter, error) {
	filters, err := c.netlink.FilterList(&netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: index}}, parent)
	if err != nil && !gone(err) {
		return nil, fmt.Errorf("list filters: %w", err)
	}
	return filters, nil
}

// gone recognises what netlink says when the interface or its qdisc vanished.
func gone(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL)
}

type clsactHook struct {
	c         *clsact
	at        place
	program   *ebpf.Program
	ownsQdisc bool
}

func (h *clsactHook) parent() uint32 {
	if h.at.egress {
		return netlink.HANDLE_MIN_EGRESS
	}
	return netlink.HANDLE_MIN_INGRESS
}

func (h *clsactHook) filter() *netlink.BpfFilter {
	return &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: h.at.index,
			Parent:    h.parent(),
			Handle:    uint32(filterHandle + h.c.claim.number),
			Protocol:  unix.ETH_P_ALL,
			Priority:  filterPriority,
		},
		Fd:           h.program.FD(),
		Name:         filterName,
		DirectAction: true,
	}
}

func (h *clsactHook) qdisc() *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: h.at.index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
}

// put makes the qdisc if there is none, and adds the filter or replaces the one
// that a crash left under the same handle.
func (h *clsactHook) put() error {
	err := h.c.netlink.QdiscAdd(h.qdisc())
	switch {
	case err == nil:
		h.ownsQdisc = true
	case !errors.Is(err, unix.EEXIST):
		return fmt.Errorf("add clsact to %s: %w", h.at.name, needs(err, "CAP_NET_ADMIN"))
	}
	if err := h.c.netlink.FilterReplace(h.filter()); err != nil {
		if other := h.occupant(); other != "" {
			return fmt.Errorf("add filter to %s: a %s filter has priority %d: %w", h.at.name, other, filterPriority, errOccupied)
		}
		return fmt.Errorf("add filter to %s: %w", h.at.name, needs(err, "CAP_NET_ADMIN and CAP_BPF"))
	}
	return nil
}

// occupant is the kind of a filter that cannot share our priority.
func (h *clsactHook) occupant() string {
	filters, _ := h.c.list(h.at.index, h.parent())
	for _, f := range filters {
		if f.Attrs().Priority == filterPriority && (f.Type() != "bpf" || f.Attrs().Protocol != unix.ETH_P_ALL) {
			return f.Type()
		}
	}
	return ""
}

func (h *clsactHook) First() (bool, error) {
	filters, err := h.c.list(h.at.index, h.parent())
	if err != nil {
		return false, err
	}
	for _, f := range filters {
		bpf, ok := f.(*netlink.BpfFilter)
		if !ok || bpf.Name != filterName {
			return false, nil
		}
		if bpf.Handle == uint32(filterHandle+h.c.claim.number) {
			return true, nil
		}
	}
	return false, nil
}

// Close removes the filter, and the qdisc if we made it and nobody uses it.
func (h *clsactHook) Close() error {
	if err := h.c.netlink.FilterDel(h.filter()); err != nil && !gone(err) {
		return fmt.Errorf("remove filter from %s: %w", h.at.name, err)
	}
	if !h.ownsQdisc {
		return nil
	}
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		if filters, err := h.c.list(h.at.index, parent); err != nil || len(filters) > 0 {
			return err
		}
	}
	if err := h.c.netlink.QdiscDel(h.qdisc()); err != nil && !gone(err) {
		return fmt.Errorf("remove clsact from %s: %w", h.at.name, err)
	}
	return nil
}
