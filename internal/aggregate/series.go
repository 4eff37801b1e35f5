package aggregate

import (
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Metric numbers the sums that series have.
type Metric uint8

const (
	IO Metric = iota
	Packets
	Undelivered
	numberOfMetrics
)

// Values are what to add, by Metric.
type Values [numberOfMetrics]uint64

// Key is what tells series apart. What is not selected is zero in it.
type Key struct {
	Src, Dst         *Identity
	SrcAddr, DstAddr flow.Addr
	SrcPort, DstPort uint16
	ServerPort       uint16
	Proto            uint8
	HasProto         bool
	DSCP             uint8
	Initiator        Initiator
	Direction        IODirection
	Translated       bool
	InterZone        Tristate
	IPv6             Tristate
	Interface        string
	Overflow         bool
}

// Tristate is a truth value that may be unknown, or not be asked for.
type Tristate uint8

const (
	Unknown Tristate = iota
	No
	Yes
)

func tristate(b bool) Tristate {
	if b {
		return Yes
	}
	return No
}

// Series is one series of up to numberOfMetrics sums with the same attributes. What is
// touched by each addition comes first.
type Series struct {
	Values   Values
	used     flow.Nanos                  // last addition
	dead     bool                        // takes nothing more
	overflow bool                        // stands for all beyond the bound
	starts   [numberOfMetrics]flow.Nanos // 0: not emitted yet
	Key      Key
}

// keyOf leaves in the key what the selection shows.
func (g *group) keyOf(a *Attributes) Key {
	s := g.Selection
	k := Key{
		Src: g.src.of(a.Src, a.SrcService),
		Dst: g.dst.of(a.Dst, a.DstService),
	}
	if s.Has(Direction) {
		k.Direction = a.IODirection
	}
	if s.Has(Transport) {
		k.Proto, k.HasProto = a.Proto, true
	}
	if s.Has(ServerPort) {
		k.ServerPort = a.ServerPort
	}
	if s.Has(IsTranslated) {
		k.Translated = a.Translated
	}
	if s.Has(InterZone) && a.Src.Zone != "" && a.Dst.Zone != "" {
		k.InterZone = tristate(a.Src.Zone != a.Dst.Zone)
	}
	g.addDetails(&k, a)
	return k
}

// addDetails adds the attributes that are opt-in.
func (g *group) addDetails(k *Key, a *Attributes) {
	s := g.Selection
	if s.Has(SrcAddress) {
		k.SrcAddr = a.SrcAddr
	}
	if s.Has(DstAddress) {
		k.DstAddr = a.DstAddr
	}
	if s.Has(SrcPortNumber) {
		k.SrcPort = a.SrcPort
	}
	if s.Has(DstPortNumber) {
		k.DstPort = a.DstPort
	}
	if s.Has(NetworkType) {
		k.IPv6 = tristate(!a.SrcAddr.Is4())
	}
	if s.Has(InterfaceName) {
		k.Interface = a.Interface
	}
	if s.Has(DSCPoint) {
		k.DSCP = a.DSCP
	}
	if s.Has(FlowInitiator) {
		k.Initiator = a.Initiator
	}
}
