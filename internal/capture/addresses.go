//go:build linux

package capture

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// addresses are the node's own, as programs and user space see them.
type addresses struct {
	table *ebpf.Map
	set   atomic.Pointer[map[flow.Addr]struct{}]
}

func newAddresses(table *ebpf.Map) *addresses {
	a := &addresses{table: table}
	a.set.Store(&map[flow.Addr]struct{}{})
	return a
}

func (a *addresses) has(addr flow.Addr) bool {
	_, own := (*a.set.Load())[addr]
	return own
}

// update replaces the set; what does not fit into the kernel's table is left
// out there and reported.
func (a *addresses) update(list []netlink.Addr) error {
	before, now := *a.set.Load(), map[flow.Addr]struct{}{}
	for _, l := range list {
		if ip, ok := netip.AddrFromSlice(l.IP); ok {
			now[flow.AddrFrom(ip)] = struct{}{}
		}
	}
	a.set.Store(&now)
	var errs []error
	for addr := range now {
		if _, there := before[addr]; there {
			continue
		}
		if err := a.table.Put(addr, uint8(1)); err != nil {
			errs = append(errs, fmt.Errorf("add own address %s: %w", addr.Netip(), err))
		}
	}
	for addr := range before {
		if _, still := now[addr]; still {
			continue
		}
		if err := a.table.Delete(addr); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("remove own address %s: %w", addr.Netip(), err))
		}
	}
	return errors.Join(errs...)
}
