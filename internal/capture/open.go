//go:build linux

package capture

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// openAttachments chooses the kind of hook and loads what it needs.
func (c *Capture) openAttachments() error {
	a := &attachments{
		in:            c.in,
		selection:     selection{c.config.Interfaces, c.config.ExcludeInterfaces},
		objects:       c.objects,
		slots:         newSlots(c.objects.Slots),
		counters:      newCounters(c.objects.Stats),
		netlink:       c.netlink,
		clock:         c.clock,
		logger:        c.logger,
		insideAllowed: c.config.InsidePods == insideAuto,
		byIndex:       map[int]*attachment{},
		failed:        map[int]failure{},
		failures:      map[string]uint64{},
		warned:        map[string]bool{},
	}
	c.attached = a
	tcxErr := supportsTCX(c.in)
	c.features = append(c.features, Feature{"tcx", tcxErr})
	kind := c.config.Hook
	if kind == HookXDP || kind == HookAuto {
		kind = HookTC
		if tcxErr == nil {
			kind = HookTCX
		}
	}
	if kind == HookTCX && tcxErr != nil {
		return fmt.Errorf("capture::hook is tcx: %w", tcxErr)
	}
	var err error
	if a.tc, err = newAttacher(kind, c.in, c.netlink); err != nil {
		return err
	}
	if c.config.Hook == HookXDP {
		a.xdp = xdp{c.in}
		if a.xdpProg, err = c.objects.LoadXDP(); err != nil {
			return explain(err)
		}
	}
	return nil
}

func newAttacher(kind string, in namespace, handle *netlink.Handle) (attacher, error) {
	if kind == HookTCX {
		return tcx{in}, nil
	}
	return newClsact(in, handle)
}

// attacherIn is an attacher for another namespace. Closing the hook is enough:
// what it needs besides goes with it.
func attacherIn(in namespace, kind string) (attacher, error) {
	handle, err := netlink.NewHandleAt(in.handle)
	if err != nil {
		return nil, fmt.Errorf("open netlink in the pod's network namespace: %w", err)
	}
	return newAttacher(kind, in, handle)
}

// release gives back what is left when everything is detached.
func (a *attachments) release() {
	if c, ok := a.tc.(*clsact); ok {
		c.Close()
	}
	if a.xdpProg != nil {
		_ = a.xdpProg.Close()
	}
}

// explain says what is missing when the kernel refuses our programs.
func explain(err error) error {
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, ebpf.ErrNotSupported) && !haveBTF():
		return fmt.Errorf("this kernel has no type information (BTF) at %s: build it with CONFIG_DEBUG_INFO_BTF: %w", btfPath, err)
	case errors.As(err, &verifier):
		return fmt.Errorf("the kernel's verifier refused a program, which is a bug worth reporting: %w", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("needs %s: %w", missing(), err)
	}
	return err
}

const btfPath = "/sys/kernel/btf/vmlinux"

func haveBTF() bool {
	_, err := os.Stat(btfPath)
	return err == nil
}
