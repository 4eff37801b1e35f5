//go:build linux

package capture

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// translatedPair is a node that translates what its pod calls: port 80 of 198.18.8.8 and fd00:8::8 is port 9
// of the node itself.
func translatedPair(t *testing.T) (*nettest.Node, *nettest.Pod) {
	t.Helper()
	nettest.RequireTool(t, "ip", "nft")
	node, pod := pairNode(t)
	pod.AddRoute(t, "198.18.8.0/24", "198.18.1.1", "eth0")
	pod.AddRoute(t, "fd00:8::/64", "fd00:1::1", "eth0")
	for _, rule := range []string{
		"add table inet nat", "add chain inet nat pre { type nat hook prerouting priority -100 ; }",
		"add rule inet nat pre ip daddr 198.18.8.8 meta l4proto { tcp, udp } th dport 80 dnat ip to 198.18.1.1:9",
		"add rule inet nat pre ip6 daddr fd00:8::8 meta l4proto { tcp, udp } th dport 80 dnat ip6 to [fd00:1::1]:9",
	} {
		node.Exec(t, "nft "+rule)
	}
	return node, pod
}

func TestTranslationOfATupleComesFromConntrack(t *testing.T) {
	t.Parallel()
	node, pod := translatedPair(t)
	serve(t, node.Namespace, "198.18.1.1:9", 10)
	serve(t, node.Namespace, "[fd00:1::1]:9", 10)
	echo(t, node.Namespace, "198.18.1.1:9")
	echo(t, node.Namespace, "[fd00:1::1]:9")
	c, _ := open(t, node.Namespace, nil)
	for _, feature := range c.Features() {
		if feature.Name == "conntrack_netlink" {
			require.NoError(t, feature.Err)
		}
	}
	for _, test := range []struct {
		proto              uint8
		from, called, real string
	}{
		{flow.TCP, "198.18.1.2:7001", "198.18.8.8:80", "198.18.1.1:9"},
		{flow.UDP, "198.18.1.2:7002", "198.18.8.8:80", "198.18.1.1:9"},
		{flow.TCP, "[fd00:1::2]:7003", "[fd00:8::8]:80", "[fd00:1::1]:9"},
		{flow.UDP, "[fd00:1::2]:7004", "[fd00:8::8]:80", "[fd00:1::1]:9"},
	} {
		call(t, pod.Namespace, test.proto, test.from, test.called)
		want := &flow.Translation{Original: tuple(test.proto, test.from, test.called), Reply: tuple(test.proto, test.real, test.from)}
		for _, asked := range []flow.Tuple{want.Original, want.Reply} {
			got, err := c.Translation(asked)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s %s", flow.ProtocolName(test.proto), test.from)
			require.True(t, got.Translated())
		}
	}
	untranslated := tuple(flow.UDP, "198.18.1.2:7005", "198.18.1.1:9")
	call(t, pod.Namespace, flow.UDP, "198.18.1.2:7005", "198.18.1.1:9")
	got, err := c.Translation(untranslated)
	require.NoError(t, err)
	require.False(t, got.Translated())
	got, err = c.Translation(tuple(flow.UDP, "198.18.1.2:1", "198.18.1.1:1"))
	require.NoError(t, err)
	require.Nil(t, got, "a connection that is none")

	newSums().close(t, c)
	_, err = c.Translation(untranslated)
	require.Error(t, err, "after the end")
}

// call exchanges one message with a server.
func call(t *testing.T, client *nettest.Namespace, proto uint8, from, to string) {
	t.Helper()
	client.Do(t, func() {
		network, dialer := "tcp", net.Dialer{}
		local, err := net.ResolveTCPAddr("tcp", from)
		require.NoError(t, err)
		dialer.LocalAddr = local
		if proto == flow.UDP {
			network, dialer.LocalAddr = "udp", &net.UDPAddr{IP: local.IP, Port: local.Port}
		}
		conn, err := dialer.Dial(network, to)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = conn.Write(make([]byte, 100))
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 100))
		require.NoError(t, err)
	})
}

// What programs say of translations is what netlink says.
func TestProgramsAndNetlinkAgreeOnTranslations(t *testing.T) {
	t.Parallel()
	node, pod := translatedPair(t)
	echo(t, node.Namespace, "198.18.1.1:9")
	echo(t, node.Namespace, "[fd00:1::1]:9")
	c, _ := open(t, node.Namespace, nil)
	if err := c.Features()[0].Err; err != nil {
		newSums().close(t, c)
		t.Skip(err)
	}
	found := map[flow.Tuple]flow.Translation{}
	watch := func(r *flow.Record) {
		if r.NAT != nil {
			found[r.NAT.Original] = *r.NAT
		}
	}
	for _, test := range []struct{ from, called string }{
		{"198.18.1.2:7002", "198.18.8.8:80"}, {"[fd00:1::2]:7004", "[fd00:8::8]:80"},
	} {
		call(t, pod.Namespace, flow.UDP, test.from, test.called)
		call(t, pod.Namespace, flow.UDP, test.from, test.called) // the first packet is asked about too early
		_, err := c.Drain(watch)
		require.NoError(t, err)
		asked := tuple(flow.UDP, test.from, test.called)
		want, err := c.Translation(asked)
		require.NoError(t, err)
		require.Equal(t, *want, found[asked])
	}
	newSums().close(t, c)
}
