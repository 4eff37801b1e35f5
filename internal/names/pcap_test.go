package names

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// capture reads the packets with payload of a capture that testdata/record.sh made:
// Ethernet, IPv4, UDP or TCP, microseconds, little endian.
func capture(t testing.TB, file string) (packets []*Packet) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	require.EqualValues(t, 0xa1b2c3d4, binary.LittleEndian.Uint32(b))
	for b = b[24:]; len(b) > 0; {
		at := flow.Nanos(binary.LittleEndian.Uint32(b))*second + flow.Nanos(binary.LittleEndian.Uint32(b[4:]))*1000
		n := binary.LittleEndian.Uint32(b[8:])
		require.Equal(t, n, binary.LittleEndian.Uint32(b[12:]), "the frame is whole")
		if p := decode(b[16:][:n]); len(p.Payload) > 0 {
			p.At, p.Length = at, len(p.Payload)
			packets = append(packets, p)
		}
		b = b[16+n:]
	}
	require.NotEmpty(t, packets)
	return packets
}

func decode(frame []byte) *Packet {
	ip := frame[14:]
	ip = ip[:binary.BigEndian.Uint16(ip[2:])]
	l4 := ip[ip[0]&0xf*4:]
	p := &Packet{Tuple: flow.Tuple{
		Src: mapped([4]byte(ip[12:])), Dst: mapped([4]byte(ip[16:])), Proto: ip[9],
		SrcPort: binary.BigEndian.Uint16(l4), DstPort: binary.BigEndian.Uint16(l4[2:]),
	}}
	if p.Tuple.Proto == flow.TCP {
		p.Seq = binary.BigEndian.Uint32(l4[4:])
		p.Payload = l4[l4[12]>>4*4:]
	} else {
		p.Payload = l4[8:]
	}
	return p
}
