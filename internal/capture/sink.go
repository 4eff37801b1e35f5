//go:build linux

package capture

import (
	"errors"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
)

// The watcher's news, passed on to who cares. Called from the watcher's goroutine.

func (c *Capture) topologyChanged(t *topology) {
	c.attached.reconcile(t)
	if err := setTunnelPorts(c.objects.TunnelPorts, t); err != nil {
		c.logger.Warn("cannot tell the programs about tunnels", zap.Error(err))
	}
}

func (c *Capture) linkGone(index int) { c.attached.linkGone(index) }

func (c *Capture) filtersChanged(index int) {
	if _, tc := c.attached.tc.(*clsact); tc {
		c.attached.check(index, time.Now())
	}
}

func (c *Capture) addressesChanged(list []netlink.Addr) {
	if err := c.own.update(list); err != nil {
		c.logger.Warn("own addresses are not all known to the programs", zap.Error(err))
	}
}

// setTunnelPorts makes the kernel's table hold the ports of the tunnels that are there.
func setTunnelPorts(table *ebpf.Map, t *topology) error {
	wanted := map[uint16]bool{}
	for _, d := range t.devices {
		if d.tunnel != 0 {
			wanted[d.tunnel] = true
		}
	}
	var errs []error
	var port uint16
	var used uint8
	var stale []uint16
	entries := table.Iterate()
	for entries.Next(&port, &used) {
		if !wanted[port] {
			stale = append(stale, port)
		}
		delete(wanted, port)
	}
	errs = append(errs, entries.Err())
	for _, port := range stale {
		errs = append(errs, table.Delete(port))
	}
	for port := range wanted {
		errs = append(errs, table.Put(port, uint8(1)))
	}
	return errors.Join(errs...)
}
