//go:build linux

package capture

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// peeredPods are two pods (198.18.1.2 and .3) whose host ends hand each other's packets straight to the
// pod, as Cilium's host routing does: past the egress hook of the host end.
func peeredPods(t *testing.T, kind string) (node *nettest.Node, a, b *nettest.Pod) {
	t.Helper()
	node = nettest.NewNode(t, "node")
	a = node.AddPod(t, []string{"198.18.1.2/24"})
	b = node.AddPod(t, []string{"198.18.1.3/24"})
	nettest.Introduce(t, a.Namespace, "eth0", []string{"198.18.1.2"}, b.Namespace, "eth0", []string{"198.18.1.3"})
	for from, to := range map[*nettest.Pod]*nettest.Pod{a: b, b: a} {
		p := redirectPeer(t, node.Link(t, to.HostEnd).Attrs().Index)
		if kind == HookTCX {
			attachOther(t, node.Namespace, from.HostEnd, ebpf.AttachTCXIngress, link.Tail(), p)
			continue
		}
		addQdisc(t, node.Namespace, from.HostEnd, kindClsact)
		addFilter(t, node.Namespace, otherFilter(t, node.Namespace, from.HostEnd, atIngress, 2, 1, p))
	}
	return node, a, b
}

// redirectPeer hands every packet to the peer of an interface, as one for it (PACKET_HOST).
func redirectPeer(t *testing.T, index int) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "redirect_peer", Type: ebpf.SchedCLS, License: "MIT",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R2, 0), asm.FnSkbChangeType.Call(),
			asm.Mov.Imm(asm.R1, int32(index)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirectPeer.Call(), asm.Return(),
		},
	})
	nettest.RequireKernel(t, "bpf_redirect_peer", err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// fetch opens a TCP connection, sends a request, and reads an answer until its end.
func fetch(t *testing.T, client *nettest.Namespace, address string, size int) {
	t.Helper()
	var conn net.Conn
	client.Do(t, func() {
		var err error
		conn, err = net.DialTimeout("tcp", address, 10*time.Second)
		require.NoError(t, err)
	})
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err := conn.Write(make([]byte, 100))
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, conn)
	require.NoError(t, err)
	require.Equal(t, int64(size), n)
}

// serve answers each connection with so many bytes.
func serve(t *testing.T, server *nettest.Namespace, address string, size int) (listener net.Listener) {
	t.Helper()
	server.Do(t, func() {
		var err error
		listener, err = net.Listen("tcp", address)
		require.NoError(t, err)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, err = io.ReadFull(conn, make([]byte, 100))
			assert.NoError(t, err)
			_, err = conn.Write(make([]byte, size))
			assert.NoError(t, err)
			assert.NoError(t, conn.Close())
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener
}

// isProven tells whether deliveries at an interface are known to bypass it.
func isProven(c *Capture, index int) bool {
	c.attached.mu.Lock()
	defer c.attached.mu.Unlock()
	return c.attached.byIndex[index].bypass.proven
}

const countedInside = "deliveries are counted at the pod's own device"

func TestDeliveriesPastTheHostEndAreCountedInsideThePod(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			const packets, size = 500, 200_000
			node, a, b := peeredPods(t, kind)
			c, logs := open(t, node.Namespace, byHook(kind))
			s := newSums()
			serve(t, b.Namespace, "198.18.1.3:80", size)
			s.until(t, c, "both are noticed", func() bool {
				fetch(t, a.Namespace, "198.18.1.3:80", size)
				return logs.FilterMessageSnippet(countedInside).Len() == 2
			})
			s.drain(t, c)
			s.drain(t, c)
			switched := c.Now()

			serve(t, b.Namespace, "198.18.1.3:81", size)
			s.during(t, c, func() { fetch(t, a.Namespace, "198.18.1.3:81", size) })
			arrived := received(t, b.Namespace, "198.18.1.3:9")
			sender := dialUDP(t, a.Namespace, "198.18.1.2:7", "198.18.1.3:9")
			s.during(t, c, func() { sender.send(packets, 100) })
			s.until(t, c, "all arrived", func() bool { return arrived() == packets })
			s.drain(t, c)
			s.drain(t, c)

			up, down := s.of(toPort(flow.TCP, 81)), s.of(func(t flow.Tuple) bool { return t.Proto == flow.TCP && t.SrcPort == 81 })
			require.NotZero(t, up.Sent.Packets)
			require.Equal(t, up.Sent, up.Delivered)
			require.GreaterOrEqual(t, down.Sent.Bytes, uint64(size))
			require.Equal(t, down.Sent, down.Delivered)
			got := s.between(tuple(flow.UDP, "198.18.1.2:7", "198.18.1.3:9"))
			require.Equal(t, udpFrames(packets, 100, false), got.Sent)
			require.Equal(t, got.Sent, got.Delivered)
			require.Equal(t, b.HostEnd, got.DeliveredIf.Name)
			require.Less(t, got.DeliveredIf.UnknownUntil, switched, "from then on nothing is unknown")
			require.NotZero(t, got.DeliveredIf.UnknownUntil)

			s.requireKernelAgrees(t, c, node.Namespace, a.HostEnd, b.HostEnd)
			inside := s.hooks[hookName{b.HostEnd, false, true}]
			require.NotNil(t, inside)
			require.GreaterOrEqual(t, inside.Flows.Packets, uint64(packets))
			s.close(t, c)
			s.requireIdentity(t)
			for _, pod := range []*nettest.Pod{a, b} {
				requireNothingOfOurs(t, pod.Namespace)
			}
		})
	}
}

// Beside what goes past it, a host end hands over what the node itself sends.
func TestBothWaysIntoAPodAreCountedOnce(t *testing.T) {
	t.Parallel()
	const packets = 300
	kind := kinds(t)[0]
	node, a, b := peeredPods(t, kind)
	node.AddAddress(t, b.HostEnd, "198.18.2.1/32")
	node.AddRoute(t, "198.18.1.3/32", "", b.HostEnd)
	nettest.Introduce(t, node.Namespace, b.HostEnd, []string{"198.18.2.1"}, b.Namespace, "eth0", []string{"198.18.1.3"})
	c, logs := open(t, node.Namespace, byHook(kind))
	s := newSums()
	serve(t, b.Namespace, "198.18.1.3:80", 1000)
	s.until(t, c, "both are noticed", func() bool {
		fetch(t, a.Namespace, "198.18.1.3:80", 1000)
		return logs.FilterMessageSnippet(countedInside).Len() == 2
	})
	arrived := received(t, b.Namespace, "198.18.1.3:9")
	fromPod, fromNode := dialUDP(t, a.Namespace, "198.18.1.2:7", "198.18.1.3:9"), dialUDP(t, node.Namespace, "198.18.2.1:7", "198.18.1.3:9")
	s.during(t, c, func() {
		for range packets {
			fromPod.send(1, 100)
			fromNode.send(1, 100)
		}
	})
	s.until(t, c, "all arrived", func() bool { return arrived() == 2*packets })
	s.close(t, c)
	s.requireIdentity(t)
	for _, from := range []string{"198.18.1.2:7", "198.18.2.1:7"} {
		require.Equal(t, udpFrames(packets, 100, false), s.between(tuple(flow.UDP, from, "198.18.1.3:9")).Delivered, from)
	}
	require.Equal(t, uint64(packets), s.seen(b.HostEnd, true).Transit.Packets, "seen at the host end, counted inside")
}

func TestDeliveriesPastTheHostEndAreUnknownWhereNobodyMayLook(t *testing.T) {
	t.Parallel()
	kind := kinds(t)[0]
	node, a, b := peeredPods(t, kind)
	c, logs := open(t, node.Namespace, func(c *Config) { c.Hook, c.InsidePods = kind, insideOff })
	s := newSums()
	serve(t, b.Namespace, "198.18.1.3:80", 1000)
	for range 20 {
		s.during(t, c, func() { fetch(t, a.Namespace, "198.18.1.3:80", 1000) })
	}
	s.until(t, c, "both are noticed", func() bool { return logs.FilterMessageSnippet("unknown, not zero").Len() == 2 })
	s.drain(t, c)
	for _, entry := range logs.FilterMessageSnippet("unknown, not zero").All() {
		require.Equal(t, errInsideOff.Error(), entry.ContextMap()["error"])
	}
	up := s.of(toPort(flow.TCP, 80))
	require.NotZero(t, up.Sent.Packets)
	require.Zero(t, up.Delivered.Packets)
	for _, name := range []string{a.HostEnd, b.HostEnd} {
		require.Equal(t, notYet, s.seen(name, false).Interface.UnknownUntil)
	}
	s.close(t, c)
	s.requireIdentity(t)
	require.Equal(t, 2, logs.FilterLevelExact(zapWarn).Len(), "one line each")
}

// echo answers each datagram with one.
func echo(t *testing.T, in *nettest.Namespace, address string) {
	t.Helper()
	var conn net.PacketConn
	in.Do(t, func() {
		var err error
		conn, err = net.ListenPacket("udp", address)
		require.NoError(t, err)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, err = conn.WriteTo(buffer[:n], from)
			assert.NoError(t, err)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
}

// ask sends a datagram and waits for the answer.
func ask(t *testing.T, client *nettest.Namespace, address string) {
	t.Helper()
	var conn net.Conn
	client.Do(t, func() {
		var err error
		conn, err = net.Dial("udp", address)
		require.NoError(t, err)
	})
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err := conn.Write(make([]byte, 50))
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 100))
	require.NoError(t, err)
}

// A pod that answers datagrams which were not seen on their way to it got them all the same.
func TestAnswersShowThatDatagramsBypassTheHostEnd(t *testing.T) {
	t.Parallel()
	kind := kinds(t)[0]
	node, a, b := peeredPods(t, kind)
	c, logs := open(t, node.Namespace, byHook(kind))
	s := newSums()
	echo(t, b.Namespace, "198.18.1.3:53")
	for i := range answersToProve {
		before := c.Now()
		ask(t, a.Namespace, "198.18.1.3:53")
		s.drain(t, c)
		s.drain(t, c)
		require.Less(t, before, s.seen(b.HostEnd, false).Interface.UnknownUntil, "answer %d: nothing is concluded from silence", i)
	}
	s.until(t, c, "it is noticed", func() bool { return logs.FilterMessageSnippet(countedInside).Len() > 0 })
	s.close(t, c)
	s.requireIdentity(t)
}

// Where a pod only receives, the kernel's own counters show it.
func TestPeersCounterShowsThatDeliveriesBypassTheHostEnd(t *testing.T) {
	t.Parallel()
	const packets = 10
	kind := kinds(t)[0]
	node, a, b := peeredPods(t, kind)
	listenUDP(t, b.Namespace, "198.18.1.3:9")
	before := countersOf(b.Link(t, "eth0"))[0].Packets
	sender := dialUDP(t, a.Namespace, "198.18.1.2:7", "198.18.1.3:9")
	sender.send(packets, 100)
	if countersOf(b.Link(t, "eth0"))[0].Packets < before+packets {
		t.Skip("this kernel does not count what bpf_redirect_peer delivers")
	}
	c, logs := open(t, node.Namespace, byHook(kind))
	s := newSums()
	s.until(t, c, "it is noticed", func() bool {
		c.checked = time.Time{}
		sender.send(1, 100)
		return logs.FilterMessageSnippet(countedInside).Len() > 0
	})
	s.close(t, c)
	s.requireIdentity(t)
}

func TestOrdinaryDeliveriesAreNotTakenForABypass(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, a, b := bridgedPods(t)
			c, logs := open(t, node.Namespace, byHook(kind))
			s := newSums()
			serve(t, b.Namespace, "198.18.1.3:80", 100_000)
			echo(t, b.Namespace, "198.18.1.3:53")
			listenUDP(t, b.Namespace, "198.18.1.3:9")
			sender := dialUDP(t, a.Namespace, "198.18.1.2:7", "198.18.1.3:9")
			s.duringEvery(t, c, time.Millisecond, func() {
				for range 30 {
					fetch(t, a.Namespace, "198.18.1.3:80", 100_000)
					ask(t, a.Namespace, "198.18.1.3:53")
					sender.send(100, 100)
				}
			})
			s.requireKernelAgrees(t, c, node.Namespace, a.HostEnd, b.HostEnd)
			for _, pod := range []*nettest.Pod{a, b} {
				require.False(t, isProven(c, node.Link(t, pod.HostEnd).Attrs().Index))
				require.Zero(t, s.seen(pod.HostEnd, false).Interface.UnknownUntil)
			}
			s.close(t, c)
			s.requireIdentity(t)
			require.Empty(t, logs.FilterLevelExact(zapWarn).All())
		})
	}
}

// The hook inside a pod keeps nothing of it: its namespace ends when the pod does.
func TestHookInsideAPodDoesNotKeepItsNamespace(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			node, a, b := peeredPods(t, kind)
			c, logs := open(t, node.Namespace, byHook(kind))
			s := newSums()
			listener := serve(t, b.Namespace, "198.18.1.3:80", 1000)
			s.until(t, c, "both are noticed", func() bool {
				fetch(t, a.Namespace, "198.18.1.3:80", 1000)
				return logs.FilterMessageSnippet(countedInside).Len() == 2
			})
			require.NoError(t, listener.Close()) // a socket would keep the namespace, and so do connections for a while
			a.Delete(t)
			b.Delete(t)
			waitFor(t, c, 0)
			s.close(t, c)
			s.requireIdentity(t)
		})
	}
}
