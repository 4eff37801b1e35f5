//go:build linux

package capture

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// openAttachments chooses the kind of hook and loads what it needs.
func (c *Capture) openAttachments() error {
	a := &attachments{
		in:            c.in,
		selection:     selection{c.config.Interfaces, c.config.ExcludeInterfaces},
		objects:       c.objects,
		slots:         newSlots(c.objects.Slots),
		counters:      &statistics{table: c.objects.Stats},
		netlink:       c.netlink,
		grace:         c.rotation.wait,
		clock:         c.clock,
		logger:        c.logger,
		insideAllowed: c.config.InsidePods == insideAuto,
		byIndex:       map[int]*attachment{},
		failed:        map[int]failure{},
		failures:      map[string]uint64{},
		warned:        map[string]bool{},
		known:         map[int]bool{},
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
	if err := a.choose(kind); err != nil {
		return err
	}
	if c.config.Hook == HookXDP {
		a.xdp = xdp{c.in}
		var err error
		if a.xdpProg, err = c.objects.LoadXDP(); err != nil {
			return explain(err)
		}
	}
	return nil
}

// choose makes the attacher for the tc hooks.
func (a *attachments) choose(kind string) (err error) {
	if kind == HookTCX {
		a.tc = tcx{a.in}
		return nil
	}
	if a.claim, err = claimFirst(a.in); err != nil {
		return err
	}
	a.tc = newClsact(a.netlink, a.claim.number)
	return nil
}

// release gives back what is left when everything is detached.
func (a *attachments) release() {
	if a.claim != nil {
		a.claim.Close()
	}
	if a.xdpProg != nil {
		_ = a.xdpProg.Close()
	}
}

// explain says what is missing when the kernel refuses our programs.
func explain(err error) error {
	var verifier *ebpf.VerifierError
	refused := errors.As(err, &verifier)
	denied := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	names := missing()
	switch {
	case (refused || denied) && names != "": // without CAP_PERFMON it is the verifier that says no
		return fmt.Errorf("needs %s: %w", names, err)
	case !haveBTF():
		return fmt.Errorf("this kernel has no type information (BTF) at %s: it must be built with CONFIG_DEBUG_INFO_BTF: %w",
			btfPath, err)
	case refused:
		return fmt.Errorf("the kernel's verifier refused a program, which is a bug worth reporting: %w", err)
	case denied:
		return fmt.Errorf("a security module or the platform denies BPF although all capabilities are there: %w", err)
	}
	return err
}

const btfPath = "/sys/kernel/btf/vmlinux"

func haveBTF() bool {
	_, err := os.Stat(btfPath)
	return err == nil
}
