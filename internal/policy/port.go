package policy

import (
	"math"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// anyProto stands for each protocol that has ports.
const anyProto = math.MaxUint8

// port is a condition on what is called.
type port struct {
	name   string // if set, of a port of the destination pod
	lo, hi uint16
	proto  uint8 // or anyProto
	// beyond: there is more to it than this package reads (application
	// protocols); where it matches, the connection may be refused later.
	beyond bool
}

// everyPort is any port of a protocol.
func everyPort(proto uint8) port { return port{proto: proto, hi: math.MaxUint16} }

// ported tells whether policies about ports can speak of the protocol.
func ported(proto uint8) bool {
	return proto == flow.TCP || proto == flow.UDP || proto == flow.SCTP
}

func (p *port) matches(c *Connection, dst *end) truth {
	if p.proto != c.Proto && (p.proto != anyProto || !ported(c.Proto)) {
		return no
	}
	m := yes
	if p.name != "" {
		m = p.named(c, dst)
	} else if c.Port < p.lo || c.Port > p.hi {
		return no
	}
	if p.beyond {
		m = min(m, maybe)
	}
	return m
}

// named asks the destination pod what it calls the port.
func (p *port) named(c *Connection, dst *end) truth {
	switch dst.class {
	case thePod:
		for i := range dst.pod.ports {
			n := &dst.pod.ports[i]
			if n.Port == c.Port && n.Proto == c.Proto && n.Name == p.name {
				return yes
			}
		}
		return no
	case somePod, unresolved:
		return maybe
	}
	return no // nobody else has names for ports
}
