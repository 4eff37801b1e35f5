//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// kindClsact is the qdisc that has filters at both directions. Its predecessor, ingress,
// sits at the same place and would run an egress filter at ingress.
const kindClsact = "clsact"

func clsactOf(index int) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
}

// ensureQdisc makes the clsact qdisc if there is none, and remembers that it did.
func (c *clsact) ensureQdisc(at place) error {
	err := c.netlink.QdiscAdd(clsactOf(at.index))
	if err == nil {
		c.made[at.index] = true
		return nil
	}
	if !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add clsact to %s: %w", at.name, needs(err, "CAP_NET_ADMIN"))
	}
	qdiscs, err := c.netlink.QdiscList(&netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: at.index}})
	if err != nil {
		return fmt.Errorf("list qdiscs of %s: %w", at.name, err)
	}
	for _, q := range qdiscs {
		if q.Attrs().Parent == netlink.HANDLE_CLSACT && q.Type() != kindClsact {
			return fmt.Errorf("add clsact to %s: its place has an %s qdisc: %w", at.name, q.Type(), errOccupied)
		}
	}
	return nil
}

// removeQdisc removes the qdisc that one of us made, if it has no filter left.
func (c *clsact) removeQdisc(at place) error {
	for _, parent := range parents() {
		if filters, err := listFilters(c.netlink, at.index, parent); err != nil || len(filters) > 0 {
			return err
		}
	}
	delete(c.made, at.index)
	if err := c.netlink.QdiscDel(clsactOf(at.index)); err != nil && !gone(err) {
		return fmt.Errorf("remove clsact from %s: %w", at.name, err)
	}
	return nil
}
