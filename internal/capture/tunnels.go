//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// tunnels tells the programs by which UDP ports packets travel that were seen before, at the tunnel's
// device or at a pod.
type tunnels struct {
	in    namespace
	table *ebpf.Map
	ports map[uint16]bool // what the table holds
}

func newTunnels(in namespace, table *ebpf.Map) *tunnels {
	return &tunnels{in: in, table: table, ports: map[uint16]bool{}}
}

// update makes the table hold the ports of the tunnels that are there.
func (u *tunnels) update(t *topology) error {
	wanted := map[uint16]bool{}
	var errs []error
	for _, d := range t.devices {
		port := d.tunnel
		if d.kind == kindWireGuard {
			var err error
			if port, err = wireGuardPort(u.in, d.index); err != nil {
				errs = append(errs, fmt.Errorf("port of %s: %w", d.name, err))
			}
		}
		if port != 0 {
			wanted[port] = true
		}
	}
	for port := range u.ports {
		if !wanted[port] {
			delete(u.ports, port)
			errs = append(errs, u.table.Delete(port))
		}
	}
	for port := range wanted {
		if u.ports[port] {
			continue
		}
		if err := u.table.Put(port, uint8(1)); err != nil {
			errs = append(errs, fmt.Errorf("add port %d: %w", port, err))
			continue
		}
		u.ports[port] = true
	}
	return errors.Join(errs...)
}
