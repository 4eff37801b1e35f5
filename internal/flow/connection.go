package flow

// Initiator says who began a connection. Directions are those of its Key.
type Initiator uint8

const (
	UnknownInitiator Initiator = iota // the capture began later
	InitiatorA
	InitiatorB
)

// Direction is the one in which the initiator sends; AtoB if it is unknown.
func (i Initiator) Direction() Direction {
	if i == InitiatorB {
		return BtoA
	}
	return AtoB
}

// State is where a connection stands.
type State uint8

const (
	Unanswered State = iota // packets in one direction only
	Open                    // packets in both
	Closed                  // TCP: ended by FIN from both sides, or by RST
)

// Connection is what the generations together say of a connection. Its Key and
// its directions are those of the tuple that the initiator sent: what was seen
// under translated addresses is part of it.
type Connection struct {
	Key       Key
	Initiator Initiator
	State     State
	Claim     Claim
	Flags     [2]uint8 // TCP flags by direction, ever
	DSCP      [2]uint8
	Start     Nanos // first packet
	Last      Nanos // end of the last generation that saw a packet
	Logged    Nanos // last time that an event about it was due; before the first its start
	NAT       *Translation
	Interface [2]*Interface // where each direction was counted

	// Who stands behind the addresses, once that is found out.
	Ends    [2]*Endpoint // of A and B
	Backend *Endpoint    // who serves the Service, or stands behind the translated address

	Unlogged    [2]Count  // by direction, since the last event
	Undelivered [2]uint64 // by direction, packets, ever
}

// Resolved tells whether it is known who stands behind the addresses.
func (c *Connection) Resolved() bool { return c.Ends[0] != nil }

// Nameless tells whether something was forwarded under this node's address, and
// conntrack does not say what.
func (c *Connection) Nameless() bool { return c.Claim == Forwarded && c.NAT == nil }

// Src is who sends in direction d; behind a translated address the backend.
func (c *Connection) Src(d Direction) *Endpoint {
	if c.Backend != nil && d != c.Initiator.Direction() {
		return c.Backend
	}
	return c.Ends[d]
}

// Dst is who receives in direction d.
func (c *Connection) Dst(d Direction) *Endpoint { return c.Src(d.Reverse()) }

// ServerPort is the responder's port as packets of direction d carry it where
// they were sent from: what the initiator called, or what the backend answers by. It
// is 0 if the initiator is unknown or the protocol has no ports.
func (c *Connection) ServerPort(d Direction) uint16 {
	if c.Initiator == UnknownInitiator {
		return 0
	}
	forward := c.Initiator.Direction()
	if d != forward && c.NAT != nil {
		return c.NAT.Reply.SrcPort
	}
	return c.Key.Tuple(forward).DstPort
}

// Service is the one that packets of direction d are sent to, whoever serves it; nil if
// they are sent to none.
func (c *Connection) Service(d Direction) *Endpoint {
	to := c.Ends[d.Reverse()]
	if to == nil || to.Kind != Service || c.Initiator != UnknownInitiator && d != c.Initiator.Direction() {
		return nil
	}
	return to
}
