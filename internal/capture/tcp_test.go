//go:build linux

package capture

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// iperf3 runs a client in one pod against a server in another and returns how many bytes were given to the
// sending socket by its word, and how many had come out of the other when it ended.
func iperf3(t *testing.T, client, server *nettest.Pod, address, options string) (sent, received uint64) {
	t.Helper()
	listening := server.Command("iperf3 -s -1 --forceflush")
	stdout, err := listening.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, listening.Start())
	lines := bufio.NewReader(stdout)
	for line := ""; !strings.Contains(line, "listening"); {
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	out := client.Exec(t, "iperf3 -J -c "+address+" "+options)
	_, _ = lines.WriteTo(discard{})
	require.NoError(t, listening.Wait())
	var result struct {
		End struct {
			SumSent     struct{ Bytes uint64 } `json:"sum_sent"`
			SumReceived struct{ Bytes uint64 } `json:"sum_received"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	return result.End.SumSent.Bytes, result.End.SumReceived.Bytes
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// Super-packets count as the packets that they become on the wire; the kernel's own statistics count them
// as one, which is accounted for.
func TestTCPCountsWirePacketsWithAndWithoutOffload(t *testing.T) {
	t.Parallel()
	nettest.RequireTool(t, "ip", "iperf3", "ethtool")
	for _, test := range []struct {
		name, address, options string
		offload                bool
	}{
		{"IPv4 with offload", "198.18.1.3", "-t 1", true},
		{"IPv4 without offload", "198.18.1.3", "-n 50M", false},
		{"IPv6 with offload", "fd00:1::3", "-t 1 -P 4", true},
		{"IPv6 without offload, the other way", "fd00:1::3", "-n 20M -R", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			node, a, b := bridgedPods(t)
			if !test.offload {
				for in, name := range map[*nettest.Namespace]string{a.Namespace: "eth0", b.Namespace: "eth0"} {
					in.Exec(t, "ethtool -K "+name+" gso off tso off gro off")
				}
				node.Exec(t, "ethtool -K "+a.HostEnd+" gso off tso off gro off")
				node.Exec(t, "ethtool -K "+b.HostEnd+" gso off tso off gro off")
			}
			c, _ := open(t, node.Namespace, nil)
			s := newSums()
			var sent, received uint64
			s.during(t, c, func() { sent, received = iperf3(t, a, b, test.address, test.options) })
			s.requireKernelAgrees(t, c, node.Namespace, a.HostEnd, b.HostEnd)
			s.close(t, c)
			s.requireIdentity(t)
			data := s.of(toPort(flow.TCP, 5201))
			if strings.Contains(test.options, "-R") {
				data = s.of(func(t flow.Tuple) bool { return t.Proto == flow.TCP && t.SrcPort == 5201 })
			}
			require.Equal(t, data.Sent, data.Delivered, "no packet is lost between two veths")
			require.GreaterOrEqual(t, data.Payload, received)
			require.Less(t, data.Payload, sent+sent/20+100_000, "the control connection is small")
			segmented := s.seen(a.HostEnd, false).Segmented.Packets + s.seen(b.HostEnd, false).Segmented.Packets
			require.Equal(t, test.offload, segmented > 0)
			// each packet has at most 1500 bytes behind its Ethernet header, on the wire
			require.LessOrEqual(t, data.Sent.Bytes, data.Sent.Packets*1514)
			header := uint64(ethernet + ip4 + 32)
			if strings.Contains(test.address, ":") {
				header = ethernet + ip6 + 32
			}
			require.InEpsilon(t, data.Payload+data.Sent.Packets*header, data.Sent.Bytes, 0.01)
		})
	}
}

// A file of known size, by TCP, in one generation: not a byte of payload more or less.
func TestPayloadOfAStreamIsItsLength(t *testing.T) {
	t.Parallel()
	nettest.RequireTool(t, "ip", "socat")
	const size = 3_000_017
	node, a, b := bridgedPods(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, make([]byte, size), 0o600))
	c, _ := open(t, node.Namespace, nil)
	s := newSums()
	for i, address := range []string{"TCP4:198.18.1.3", "TCP6:[fd00:1::3]"} {
		port := 7000 + i
		server := startSocat(t, b, "-u "+address[:4]+"-LISTEN:"+strconv.Itoa(port)+" OPEN:/dev/null")
		a.Exec(t, "socat -u OPEN:"+file+" "+address+":"+strconv.Itoa(port))
		require.NoError(t, server.Wait())
	}
	s.close(t, c)
	s.requireIdentity(t)
	for i := range 2 {
		got := s.of(toPort(flow.TCP, uint16(7000+i)))
		require.Equal(t, uint64(size), got.Payload)
		require.Equal(t, got.Sent, got.Delivered)
		require.Equal(t, uint32(1), got.SYNs)
	}
}

// The same without tools, for every kernel: both sides count the same wire packets, and the kernel agrees.
func TestStreamsCountTheSameAtBothSides(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			const size = 2_000_000
			node, a, b := bridgedPods(t)
			serve(t, b.Namespace, "198.18.1.3:80", size)
			serve(t, b.Namespace, "[fd00:1::3]:80", size)
			c, _ := open(t, node.Namespace, byHook(kind))
			s := newSums()
			s.during(t, c, func() {
				fetch(t, a.Namespace, "198.18.1.3:80", size)
				fetch(t, a.Namespace, "[fd00:1::3]:80", size)
			})
			s.requireKernelAgrees(t, c, node.Namespace, a.HostEnd, b.HostEnd)
			s.close(t, c)
			s.requireIdentity(t)
			up := s.of(toPort(flow.TCP, 80))
			down := s.of(func(t flow.Tuple) bool { return t.Proto == flow.TCP && t.SrcPort == 80 })
			require.Equal(t, up.Sent, up.Delivered)
			require.Equal(t, down.Sent, down.Delivered)
			require.GreaterOrEqual(t, down.Payload, uint64(2*size))
			require.NotZero(t, s.seen(b.HostEnd, false).Segmented.Packets)
		})
	}
}

// startSocat starts a server and returns when it listens.
func startSocat(t *testing.T, in *nettest.Pod, line string) *exec.Cmd {
	t.Helper()
	server := in.Command("socat -d -d " + line)
	stderr, err := server.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	for lines, line := bufio.NewReader(stderr), ""; !strings.Contains(line, "listening on"); {
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	return server
}
