//go:build linux

package capture

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// WireGuard's own packets carry what is seen at its device; by which port they do, it says by netlink.
func TestWireGuardsPacketsAreTransit(t *testing.T) {
	t.Parallel()
	const packets = 20
	node, _, outside := joinedNode(t)
	node.AddLink(t, &netlink.Wireguard{LinkAttrs: nettest.Attrs("wg0", 0)})
	node.AddAddress(t, "wg0", "198.18.9.1/24")
	node.Up(t, "wg0")
	in, err := openNamespace(node.Path)
	require.NoError(t, err)
	defer in.close()
	port, err := wireGuardPort(in, node.Link(t, "wg0").Attrs().Index)
	require.NoError(t, err)
	require.NotZero(t, port)

	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	hooks, _, _ := c.Attached()
	require.Equal(t, 2, hooks[AttachedKey{flow.Uplink, kinds(t)[0], true}], "the card and the tunnel")
	of := tuple(flow.UDP, "198.18.0.254:51820", "198.18.0.1:0")
	of.DstPort = port
	ends, index := openFrames(t, outside), outside.Link(t, "eth0").Attrs().Index
	for range packets {
		ends.sendBy(index, frame4(of, ports(of, udp)))
	}
	s.until(t, c, "they are seen", func() bool { return s.seen("eth0", false).Transit.Packets >= packets })
	require.Zero(t, s.between(of).Delivered.Packets)

	node.DeleteLink(t, "wg0")
	s.until(t, c, "the port is anybody's again", func() bool {
		ends.sendBy(index, frame4(of, ports(of, udp)))
		return s.between(of).Delivered.Packets > 0
	})
	s.close(t, c)
	s.requireIdentity(t)
}
