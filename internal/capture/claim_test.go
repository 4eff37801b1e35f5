//go:build linux

package capture

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// At an uplink a look-up finds the node's sockets, in whatever state they are, and no others.
func TestSocketsOfTheNodeClaimTheirFlows(t *testing.T) {
	t.Parallel()
	for _, hook := range []string{HookAuto, HookXDP} {
		t.Run(hook, func(t *testing.T) {
			node, outside := nettest.NewNode(t, "node"), nettest.NewNamespace(t, "outside")
			nettest.Join(t, node.Namespace, "eth0", "198.18.0.1/24", outside, "eth0", "198.18.0.254/24")
			node.AddAddress(t, "eth0", "fd00::1/64")
			outside.AddAddress(t, "eth0", "fd00::254/64")
			echo(t, node.Namespace, "198.18.0.1:53")
			echo(t, node.Namespace, "[::]:54") // takes IPv4, too
			serve(t, node.Namespace, "198.18.0.1:80", 10)
			serve(t, node.Namespace, "[::]:81", 10)
			echo(t, outside, "198.18.0.254:53")
			serve(t, outside, "[fd00::254]:80", 10)
			c, _ := open(t, node.Namespace, byHook(hook))
			claims := map[uint16]flow.Claim{}
			s := newSums()
			watch := func(r *flow.Record) {
				s.add(r)
				for _, port := range []uint16{r.Key.PortA, r.Key.PortB} {
					claims[port] = max(claims[port], r.Claim)
				}
			}
			call(t, outside, flow.UDP, "198.18.0.254:7001", "198.18.0.1:53")
			call(t, outside, flow.UDP, "198.18.0.254:7002", "198.18.0.1:54")
			call(t, outside, flow.UDP, "[fd00::254]:7003", "[fd00::1]:54")
			call(t, outside, flow.TCP, "198.18.0.254:7004", "198.18.0.1:80")
			call(t, outside, flow.TCP, "198.18.0.254:7005", "198.18.0.1:81")
			call(t, outside, flow.TCP, "[fd00::254]:7006", "[fd00::1]:81")
			call(t, node.Namespace, flow.UDP, "198.18.0.1:7007", "198.18.0.254:53")
			call(t, node.Namespace, flow.TCP, "[fd00::1]:7008", "[fd00::254]:80")
			dialUDP(t, outside, "198.18.0.254:7009", "198.18.0.1:9").send(1, 10) // nobody listens
			outside.Do(t, func() {
				_, err := net.Dial("tcp", "198.18.0.1:79")
				require.Error(t, err, "refused")
			})
			require.NoError(t, c.Close(watch, s.report))
			s.requireIdentity(t)
			for port := uint16(7001); port <= 7008; port++ {
				require.Equal(t, flow.OwnSocket, claims[port], "port %d", port)
			}
			require.Equal(t, flow.Unclaimed, claims[7009])
			require.Equal(t, flow.Unclaimed, claims[79])
		})
	}
}
