//go:build linux

package capture

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// Verdicts of tc programs (include/uapi/linux/pkt_cls.h) and of XDP ones (bpf.h).
const (
	actOK   = 0
	actShot = 2
	goOn    = -1

	xdpDrop = 1
	xdpPass = 2
)

// verdict loads a program of somebody else that says the same of every packet.
func verdict(t *testing.T, kind ebpf.ProgramType, code int32) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "somebody_else", Type: kind, License: "MIT",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, code), asm.Return()},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// attachOther attaches somebody else's tcx program to an interface.
func attachOther(t *testing.T, in *nettest.Namespace, name string, attach ebpf.AttachType, where link.Anchor, p *ebpf.Program) {
	t.Helper()
	index := in.Link(t, name).Attrs().Index
	in.Do(t, func() {
		l, err := link.AttachTCX(link.TCXOptions{Interface: index, Program: p, Attach: attach, Anchor: where})
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
	})
}

// tcxPrograms lists what is attached, in its order.
func tcxPrograms(t *testing.T, in *nettest.Namespace, name string, attach ebpf.AttachType) []link.AttachedProgram {
	t.Helper()
	index := in.Link(t, name).Attrs().Index
	var list *link.QueryResult
	in.Do(t, func() {
		var err error
		list, err = link.QueryPrograms(link.QueryOptions{Target: index, Attach: attach})
		require.NoError(t, err)
	})
	return list.Programs
}

// addQdisc makes somebody else's qdisc.
func addQdisc(t *testing.T, in *nettest.Namespace, name, kind string) {
	t.Helper()
	at := netlink.QdiscAttrs{LinkIndex: in.Link(t, name).Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}
	var q netlink.Qdisc = &netlink.Clsact{QdiscAttrs: at}
	if kind == "ingress" {
		q = &netlink.Ingress{QdiscAttrs: at}
	}
	in.Do(t, func() { require.NoError(t, netlink.QdiscAdd(q)) })
}

// otherFilter is a bpf filter of somebody else.
func otherFilter(t *testing.T, in *nettest.Namespace, name string, parent uint32, priority uint16, handle uint32, p *ebpf.Program) *netlink.BpfFilter {
	t.Helper()
	return &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: in.Link(t, name).Attrs().Index, Parent: parent, Priority: priority,
			Handle: handle, Protocol: unix.ETH_P_ALL},
		Fd: p.FD(), Name: "somebody_else", DirectAction: true,
	}
}

// otherU32 is a filter of another kind.
func otherU32(t *testing.T, in *nettest.Namespace, name string, parent uint32, priority uint16) *netlink.U32 {
	t.Helper()
	return &netlink.U32{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: in.Link(t, name).Attrs().Index, Parent: parent, Priority: priority,
			Protocol: unix.ETH_P_IP},
		ClassId: netlink.MakeHandle(1, 1),
	}
}

func addFilter(t *testing.T, in *nettest.Namespace, f netlink.Filter) {
	t.Helper()
	in.Do(t, func() { require.NoError(t, netlink.FilterAdd(f)) })
}

func deleteFilter(t *testing.T, in *nettest.Namespace, f netlink.Filter) {
	t.Helper()
	in.Do(t, func() { require.NoError(t, netlink.FilterDel(f)) })
}

// filters lists the filters of an interface.
func filters(t *testing.T, in *nettest.Namespace, name string, parent uint32) (list []netlink.Filter) {
	t.Helper()
	l := in.Link(t, name)
	in.Do(t, func() {
		var err error
		list, err = netlink.FilterList(l, parent)
		require.NoError(t, err)
	})
	return list
}

// ours are the filters of instances of this receiver.
func ours(t *testing.T, in *nettest.Namespace, name string, parent uint32) (list []netlink.Filter) {
	t.Helper()
	for _, f := range filters(t, in, name, parent) {
		if _, _, known := ourFilter(f); known {
			list = append(list, f)
		}
	}
	return list
}

// hasQdisc tells whether the interface has a qdisc of the kind.
func hasQdisc(t *testing.T, in *nettest.Namespace, name, kind string) (has bool) {
	t.Helper()
	l := in.Link(t, name)
	in.Do(t, func() {
		list, err := netlink.QdiscList(l)
		require.NoError(t, err)
		for _, q := range list {
			has = has || q.Type() == kind
		}
	})
	return has
}
