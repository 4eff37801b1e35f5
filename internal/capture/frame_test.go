//go:build linux

package capture

import (
	"encoding/binary"
	"net/netip"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// frame4 is an IPv4 packet in an Ethernet frame to everybody, whose
// checksums nobody looks at before our hooks.
func frame4(t flow.Tuple, payload []byte) []byte {
	frame := make([]byte, ethernet+ip4, ethernet+ip4+len(payload))
	for i := range 6 {
		frame[i] = 0xff
	}
	frame[6] = 2
	binary.BigEndian.PutUint16(frame[12:], 0x0800)
	ip := frame[ethernet:]
	ip[0], ip[8], ip[9] = 0x45, 64, t.Proto
	binary.BigEndian.PutUint16(ip[2:], uint16(ip4+len(payload)))
	src, dst := t.Src.Netip().As4(), t.Dst.Netip().As4()
	copy(ip[12:], src[:])
	copy(ip[16:], dst[:])
	binary.BigEndian.PutUint16(ip[10:], checksum(ip[:ip4]))
	return append(frame, payload...)
}

// frame6 is an IPv6 packet likewise.
func frame6(t flow.Tuple, payload []byte) []byte {
	frame := make([]byte, ethernet+ip6, ethernet+ip6+len(payload))
	for i := range 6 {
		frame[i] = 0xff
	}
	frame[6] = 2
	binary.BigEndian.PutUint16(frame[12:], 0x86dd)
	ip := frame[ethernet:]
	ip[0], ip[6], ip[7] = 0x60, t.Proto, 64
	binary.BigEndian.PutUint16(ip[4:], uint16(len(payload)))
	src, dst := t.Src.Netip().As16(), t.Dst.Netip().As16()
	copy(ip[8:], src[:])
	copy(ip[24:], dst[:])
	return append(frame, payload...)
}

// ports begins a UDP or SCTP header, padded to its length.
func ports(t flow.Tuple, length int) []byte {
	header := make([]byte, length)
	binary.BigEndian.PutUint16(header, t.SrcPort)
	binary.BigEndian.PutUint16(header[2:], t.DstPort)
	if t.Proto == flow.UDP {
		binary.BigEndian.PutUint16(header[4:], uint16(length))
	}
	return header
}

// tagged puts a VLAN tag into a frame (IEEE 802.1Q).
func tagged(frame []byte, vlan uint16) []byte {
	out := append([]byte{}, frame[:12]...)
	out = binary.BigEndian.AppendUint16(out, 0x8100)
	out = binary.BigEndian.AppendUint16(out, vlan)
	return append(out, frame[12:]...)
}

// checksum is the Internet checksum (RFC 1071) of a header whose own is 0.
func checksum(header []byte) uint16 {
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum + sum>>16)
}

// hostPart numbers addresses of a test network.
func addrOfNumber(prefix string, n int) netip.Addr {
	base := netip.MustParsePrefix(prefix).Addr().As4()
	binary.BigEndian.PutUint32(base[:], binary.BigEndian.Uint32(base[:])+uint32(n))
	return netip.AddrFrom4(base)
}
