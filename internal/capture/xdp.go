//go:build linux

package capture

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// xdp attaches by links to the driver, or to the generic hook where the driver
// has none. There is one XDP program an interface, so nothing can be before it.
type xdp struct{ in namespace }

func (xdp) Kind() string { return HookXDP }

func (x xdp) Attach(at place, program *ebpf.Program) (hook, error) {
	var attached link.Link
	err := x.in.do(func() (err error) {
		attached, err = link.AttachXDP(link.XDPOptions{Program: program, Interface: at.index})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("attach xdp to %s: %w", at.name, needs(err, "CAP_NET_ADMIN and CAP_BPF"))
	}
	return xdpHook{attached}, nil
}

type xdpHook struct{ link.Link }

func (h xdpHook) Drop() { _ = h.Close() }

func (xdpHook) First() (bool, error) { return true, nil }
