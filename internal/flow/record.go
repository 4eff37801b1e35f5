package flow

// Role says what an interface is for the node that it belongs to.
type Role uint8

const (
	NoRole  Role = iota
	PodSide      // host end of a pod's veth or netkit pair, or the pod's own device
	Uplink       // where the node's routes leave by
)

// String is the value of the attribute interface.kind.
func (r Role) String() string {
	switch r {
	case PodSide:
		return "pod"
	case Uplink:
		return "uplink"
	default:
		return "none"
	}
}

// Interface is a network interface that a packet was seen at.
type Interface struct {
	Index int
	Name  string
	Role  Role
	// Began: every packet since then was seen; 0 if none ever passed unseen.
	Began Nanos
	// UnknownUntil: of what was delivered there before that time some was not
	// seen. It changes between drains only.
	UnknownUntil Nanos
}

// Count is a number of wire packets and of wire bytes, link header included.
type Count struct{ Packets, Bytes uint64 }

// Add adds o.
func (c *Count) Add(o Count) { c.Packets += o.Packets; c.Bytes += o.Bytes }

// TCP flags as they stand in the header's 13th byte (RFC 9293, 3.1).
const (
	FIN uint8 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Counts is what one generation saw of one direction of a connection.
// Sent and Delivered count the same packets at two places and are never added.
type Counts struct {
	Sent        Count // at the source's side: a pod's veth, or the uplink for the node's own
	Delivered   Count // handed to the destination's side
	Payload     uint64
	SYNs        uint32
	FINs        uint32
	RSTs        uint32
	Fragments   uint32
	Unreachable uint32 // ICMP errors that quote a packet of this direction
	Flags       uint8  // all TCP flags seen, or-ed
	DSCP        uint8  // of the generation's first packet
	SentIf      *Interface
	DeliveredIf *Interface
}

// Claim says whose a flow is that carries an address of the node.
type Claim uint8

const (
	Unclaimed Claim = iota // no socket was found, or it was not asked
	OwnSocket              // a socket of the node's own namespace has it
	Forwarded              // it came in by another interface and left under the node's address
)

// Translation is what conntrack says of a connection: the tuple that its
// initiator sent, and the one that the answers carry before they are
// translated back. Without NAT the one is the other's reverse.
type Translation struct {
	Original Tuple
	Reply    Tuple
}

// Translated tells whether there is NAT in it.
func (t *Translation) Translated() bool { return t.Original != t.Reply.Reverse() }

// Nanos is a point in time in nanoseconds since the Unix epoch, 0 if unknown:
// a record has many, and a time.Time has a pointer.
type Nanos int64

// Record is what one generation saw of a connection. A Record is reused by its
// producer: copy what must last.
type Record struct {
	Key    Key
	Dir    [2]Counts
	Start  Nanos     // first packet in this generation
	SYN    Nanos     // first SYN without ACK
	SYNACK Nanos     // first SYN with ACK
	ACK    Nanos     // the initiator's first ACK after the SYN-ACK
	SYNDir Direction // of the SYN; only with SYN or SYNACK
	First  Direction // of the first packet in this generation
	Claim  Claim
	ICMP   uint8        // type of the last message, when Proto is ICMP or ICMPv6
	NAT    *Translation // nil: conntrack was not asked, does not know it, or there is no NAT
	// Conntrack says who began: it may have seen what was before the capture.
	Conntrack Initiator
}
