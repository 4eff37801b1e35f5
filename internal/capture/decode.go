//go:build linux

package capture

import (
	"encoding/binary"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// address4 maps an IPv4 address in network byte order into a flow.Addr.
func address4(a uint32) (addr flow.Addr) {
	addr[10], addr[11] = 0xff, 0xff
	binary.NativeEndian.PutUint32(addr[12:], a)
	return addr
}

func address6(a [4]uint32) (addr flow.Addr) {
	for i, word := range a {
		binary.NativeEndian.PutUint32(addr[4*i:], word)
	}
	return addr
}

func key4(k *bpf.Flow4Key) flow.Key {
	return flow.Key{A: address4(k.A), B: address4(k.B), PortA: k.PortA, PortB: k.PortB, Proto: k.Proto}
}

func key6(k *bpf.Flow6Key) flow.Key {
	return flow.Key{A: address6(k.A), B: address6(k.B), PortA: k.PortA, PortB: k.PortB, Proto: k.Proto}
}

func translation4(n *bpf.Nat4, proto uint8) flow.Translation {
	o, r := &n.Original, &n.Reply
	return flow.Translation{
		Original: flow.Tuple{Src: address4(o.Saddr), Dst: address4(o.Daddr), SrcPort: o.Sport, DstPort: o.Dport, Proto: proto},
		Reply:    flow.Tuple{Src: address4(r.Saddr), Dst: address4(r.Daddr), SrcPort: r.Sport, DstPort: r.Dport, Proto: proto},
	}
}

func translation6(n *bpf.Nat6, proto uint8) flow.Translation {
	o, r := &n.Original, &n.Reply
	return flow.Translation{
		Original: flow.Tuple{Src: address6(o.Saddr), Dst: address6(o.Daddr), SrcPort: o.Sport, DstPort: o.Dport, Proto: proto},
		Reply:    flow.Tuple{Src: address6(r.Saddr), Dst: address6(r.Daddr), SrcPort: r.Sport, DstPort: r.Dport, Proto: proto},
	}
}

// decoder fills records from map values.
type decoder struct {
	owner *[bpf.MaxInterfaces]*flow.Interface
	clock clock
}

// fill converts a value; the caller sets Key and NAT.
func (d *decoder) fill(r *flow.Record, v *bpf.Flow4) {
	r.Start = d.clock.at(v.FirstNs)
	r.SYN = d.clock.at(v.SynNs)
	r.SYNACK = d.clock.at(v.SynackNs)
	r.ACK = d.clock.at(v.AckNs)
	r.SYNDir = flow.Direction(v.SynDir & 1)
	r.First = flow.Direction(v.FirstDir & 1)
	r.ICMP = v.IcmpType
	r.Claim = claimOf(v.Claim)
	r.Conntrack = initiatorOf(v.Original)
	for i := range r.Dir {
		from, to := &v.Dir[i], &r.Dir[i]
		to.Sent = flow.Count{Packets: from.SentPackets, Bytes: from.SentBytes}
		to.Delivered = flow.Count{Packets: from.DeliveredPackets, Bytes: from.DeliveredBytes}
		to.Payload = from.Payload
		to.SYNs, to.FINs, to.RSTs, to.Fragments = from.Syns, from.Fins, from.Rsts, from.Fragments
		to.Unreachable = v.Unreachable[i]
		to.DSCP = v.Dscp[i]
		to.Flags = 0
		for _, flag := range from.TcpFlags {
			to.Flags |= flag
		}
		to.SentIf = d.interfaceOf(v.SentSlot[i], to.Sent)
		to.DeliveredIf = d.interfaceOf(v.DeliveredSlot[i], to.Delivered)
	}
}

// interfaceOf is never nil where packets were seen: slot 0 stands for what has none.
func (d *decoder) interfaceOf(slot uint16, c flow.Count) *flow.Interface {
	if c.Packets == 0 {
		return nil
	}
	if int(slot) >= len(d.owner) || d.owner[slot] == nil {
		return d.owner[0]
	}
	return d.owner[slot]
}

func claimOf(c uint8) flow.Claim {
	switch c {
	case bpf.ClaimSocket:
		return flow.OwnSocket
	case bpf.ClaimForwarded:
		return flow.Forwarded
	default:
		return flow.Unclaimed
	}
}

// initiatorOf: the kernel's direction plus one happens to be the initiator's number.
func initiatorOf(original uint8) flow.Initiator {
	return flow.Initiator(min(original, uint8(flow.InitiatorB)))
}
