//go:build linux

package capture

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// sums adds up records by key, as a user of the capture would.
type sums struct {
	flows   map[flow.Key]*[2]flow.Counts
	records int
	hooks   map[string]*HookCounts
	reports []Report
}

func newSums() *sums {
	return &sums{flows: map[flow.Key]*[2]flow.Counts{}, hooks: map[string]*HookCounts{}}
}

func (s *sums) add(r *flow.Record) {
	s.records++
	held := s.flows[r.Key]
	if held == nil {
		held = &[2]flow.Counts{}
		s.flows[r.Key] = held
	}
	for i := range held {
		h, d := &held[i], &r.Dir[i]
		h.Sent.Add(d.Sent)
		h.Delivered.Add(d.Delivered)
		h.Payload += d.Payload
		h.SYNs += d.SYNs
		h.FINs += d.FINs
		h.RSTs += d.RSTs
		h.Fragments += d.Fragments
		h.Unreachable += d.Unreachable
		h.Flags |= d.Flags
		if d.SentIf != nil {
			h.SentIf = d.SentIf
		}
		if d.DeliveredIf != nil {
			h.DeliveredIf = d.DeliveredIf
		}
	}
}

func (s *sums) report(r Report) {
	s.reports = append(s.reports, r)
	for _, h := range r.Hooks {
		key := h.Interface.Name + "/in"
		if h.Egress {
			key = h.Interface.Name + "/out"
		}
		held := s.hooks[key]
		if held == nil {
			held = &HookCounts{Interface: h.Interface, Egress: h.Egress}
			s.hooks[key] = held
		}
		held.Seen.Add(h.Seen)
		held.Flows.Add(h.Flows)
		held.Transit.Add(h.Transit)
		held.Overflow.Add(h.Overflow)
		held.NotIP.Add(h.NotIP)
		held.Malformed.Add(h.Malformed)
		held.Skipped.Add(h.Skipped)
	}
}

// requireIdentity checks that every packet that was seen is accounted for, and
// that the entries hold exactly what the interfaces say.
func (s *sums) requireIdentity(t *testing.T) {
	t.Helper()
	var inFlows, inEntries flow.Count
	for name, h := range s.hooks {
		var all flow.Count
		for _, part := range []flow.Count{h.Flows, h.Transit, h.Overflow, h.NotIP, h.Malformed, h.Skipped} {
			all.Add(part)
		}
		require.Equal(t, h.Seen, all, name)
		inFlows.Add(h.Flows)
	}
	for _, dirs := range s.flows {
		for i := range dirs {
			inEntries.Add(dirs[i].Sent)
			inEntries.Add(dirs[i].Delivered)
		}
	}
	require.Equal(t, inFlows, inEntries)
}

func open(t *testing.T, node *nettest.Node, adjust func(*Config)) *Capture {
	t.Helper()
	config := NewDefaultConfig()
	if adjust != nil {
		adjust(&config)
	}
	require.NoError(t, config.Validate())
	c, err := New(config, Options{NetNS: node.Path, Logger: zaptest.NewLogger(t)})
	require.NoError(t, err)
	return c
}

func closeInto(t *testing.T, c *Capture, s *sums) {
	t.Helper()
	require.NoError(t, c.Close(s.add, s.report))
}

func TestCountsUDPBetweenTwoPodsExactly(t *testing.T) {
	node := nettest.NewNode(t, "node")
	node.AddBridge(t, "198.18.1.1/24")
	a := node.AddPod(t, []string{"198.18.1.2/24"}, "198.18.1.1")
	b := node.AddPod(t, []string{"198.18.1.3/24"}, "198.18.1.1")
	c := open(t, node, nil)
	s := newSums()

	const packets, payload = 10000, 200
	server := listenUDP(t, b, "198.18.1.3:9000")
	sent := make(chan struct{})
	go a.Do(t, func() {
		defer close(sent)
		conn, err := net.Dial("udp4", "198.18.1.3:9000")
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		message := make([]byte, payload)
		for range packets {
			_, err := conn.Write(message)
			if !assert.NoError(t, err) {
				return
			}
		}
	})
	for done := false; !done; {
		select {
		case <-sent:
			done = true
		default:
		}
		report, err := c.Drain(s.add)
		require.NoError(t, err)
		s.report(report)
	}
	_ = server
	closeInto(t, c, s)
	s.requireIdentity(t)
	var got flow.Counts
	for key, dirs := range s.flows {
		if key.Proto == flow.UDP && key.PortB == 9000 {
			got = dirs[0]
		}
	}
	want := flow.Count{Packets: packets, Bytes: packets * (payload + 14 + 20 + 8)}
	require.Equal(t, want, got.Sent)
	require.Equal(t, want, got.Delivered)
	require.Equal(t, a.HostEnd, got.SentIf.Name)
	require.Equal(t, b.HostEnd, got.DeliveredIf.Name)
	t.Log(len(s.reports), "generations")
}

// listenUDP binds a socket in the pod that reads nothing.
func listenUDP(t *testing.T, p *nettest.Pod, address string) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	p.Do(t, func() {
		var err error
		conn, err = net.ListenPacket("udp", address)
		require.NoError(t, err)
	})
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestAttachTiming(t *testing.T) {
	node := nettest.NewNode(t, "node")
	c := open(t, node, nil)
	time.Sleep(10 * time.Millisecond)
	p := node.AddPod(t, []string{"198.18.1.2/24"})
	_ = p
	time.Sleep(100 * time.Millisecond)
	t.Log(c.attached.indexes())
	t.Log(c.Attached())
	t.Log(c.Features())
	s := newSums()
	closeInto(t, c, s)
}
