package names

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// Packet is a sample of a packet's payload. It is its producer's again after the call.
type Packet struct {
	Tuple     flow.Tuple // as sent
	At        flow.Nanos
	Interface *flow.Interface
	Payload   []byte // what follows the UDP or TCP header, or the beginning of it
	Length    int    // of the payload on the wire, in bytes
	Seq       uint32 // TCP: sequence number of the first byte
}

// length is that of the payload on the wire.
func (p *Packet) length() int { return max(p.Length, len(p.Payload)) }

// cut tells whether the sample is not the whole payload.
func (p *Packet) cut() bool { return len(p.Payload) < p.Length }

// window is how far a segment can be from what is expected of its stream and
// still belong to it, in bytes. What is farther away is another connection of the same tuple.
const window = 1 << 20

// order says how a segment stands to what comes next in its stream.
type order uint8

const (
	inOrder  order = iota // all of it but the first bytes to skip is new
	repeated              // nothing in it is new
	gap                   // something before it is missing
	foreign               // another connection
)

// follow compares a segment with the sequence number that comes next. skip is how
// many of its first bytes were seen.
func follow(next, seq uint32, length int) (skip int, o order) {
	switch d := int32(seq - next); {
	case d == 0:
		return 0, inOrder
	case d > window || d < -window:
		return 0, foreign
	case d > 0:
		return 0, gap
	case int(-d) >= length:
		return 0, repeated
	default:
		return int(-d), inOrder
	}
}
