//go:build linux

package capture

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// programPrefix begins the names of our programs, in any instance.
const programPrefix = "ebpfnet_"

// tcx attaches by links (Linux 6.6 and newer), at the head of the list. A link
// goes with its file descriptor, so a crash leaves nothing behind.
type tcx struct{ in namespace }

func (tcx) Kind() string { return HookTCX }

func (t tcx) Attach(at place, program *ebpf.Program) (hook, error) {
	h := &tcxHook{in: t.in, at: at}
	err := t.in.do(func() (err error) {
		h.link, err = link.AttachTCX(link.TCXOptions{
			Interface: at.index,
			Program:   program,
			Attach:    h.attachType(),
			Anchor:    link.Head(),
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("attach tcx to %s: %w", at.name, needs(err, "CAP_NET_ADMIN and CAP_BPF"))
	}
	return h, nil
}

// supportsTCX asks for the programs at the loopback device; nil if the kernel has tcx.
func supportsTCX(in namespace) error {
	err := in.do(func() error {
		_, err := link.QueryPrograms(link.QueryOptions{Target: loopbackIndex, Attach: ebpf.AttachTCXIngress})
		return err
	})
	if errors.Is(err, unix.EINVAL) {
		return errNoTCX
	}
	return err
}

var errNoTCX = errors.New("this kernel has no tcx (Linux 6.6 and newer)")

const loopbackIndex = 1

type tcxHook struct {
	in   namespace
	at   place
	link link.Link
}

func (h *tcxHook) Close() error { return h.link.Close() }

// Drop closes the link, too: an interface that left for another namespace took it along.
func (h *tcxHook) Drop() { _ = h.link.Close() }

func (h *tcxHook) attachType() ebpf.AttachType {
	if h.at.egress {
		return ebpf.AttachTCXEgress
	}
	return ebpf.AttachTCXIngress
}

// First reads the list until it comes to our link. Programs of other instances
// of this receiver always go on, and may stand before it.
func (h *tcxHook) First() (bool, error) {
	var list *link.QueryResult
	err := h.in.do(func() (err error) {
		list, err = link.QueryPrograms(link.QueryOptions{Target: h.at.index, Attach: h.attachType()})
		return err
	})
	if errors.Is(err, unix.ENODEV) {
		return true, nil // gone with its interface, which netlink tells
	}
	if err != nil {
		return false, fmt.Errorf("query tcx of %s: %w", h.at.name, err)
	}
	info, err := h.link.Info()
	if err != nil {
		return false, fmt.Errorf("query tcx of %s: %w", h.at.name, err)
	}
	for _, attached := range list.Programs {
		if id, ok := attached.LinkID(); ok && id == info.ID {
			return true, nil
		}
		if !isOurs(attached.ID) {
			return false, nil
		}
	}
	return false, nil
}

// isOurs recognises the programs of any instance by name.
func isOurs(id ebpf.ProgramID) bool {
	program, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return false
	}
	defer program.Close()
	info, err := program.Info()
	return err == nil && strings.HasPrefix(info.Name, programPrefix)
}
