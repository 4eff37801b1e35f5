//go:build linux

package capture

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// requireNothingOfOurs checks that no interface of a namespace has a program, a filter or a qdisc of ours.
func requireNothingOfOurs(t *testing.T, in *nettest.Namespace) {
	t.Helper()
	tcx := supportsTCX(namespace{-1}) == nil
	in.Do(t, func() {
		links, err := netlink.LinkList()
		require.NoError(t, err)
		for _, l := range links {
			require.False(t, l.Attrs().Xdp != nil && l.Attrs().Xdp.Attached, l.Attrs().Name)
			qdiscs, err := netlink.QdiscList(l)
			require.NoError(t, err)
			for _, q := range qdiscs {
				require.NotEqual(t, kindClsact, q.Type(), l.Attrs().Name)
			}
			for _, attach := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
				if !tcx {
					continue
				}
				list, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: attach})
				require.NoError(t, err)
				for _, p := range list.Programs {
					require.False(t, isOurs(p.ID), l.Attrs().Name)
				}
			}
		}
	})
}
