package aggregate

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// Attributes are what can be said of a direction of a connection.
type Attributes struct {
	Src, Dst         *flow.Endpoint
	SrcService       string // Service through which the source answers
	DstService       string // Service that was called
	SrcAddr, DstAddr flow.Addr
	SrcPort, DstPort uint16
	ServerPort       uint16 // 0: unknown, or none
	Proto            uint8
	DSCP             uint8
	Initiator        Initiator
	IODirection      IODirection
	Translated       bool
	Interface        string
}

// Initiator is the value of ebpfnet.flow.initiator for a direction.
type Initiator uint8

const (
	InitiatorUnknown Initiator = iota
	InitiatorSource
	InitiatorDestination
)

func (i Initiator) String() string {
	switch i {
	case InitiatorSource:
		return "source"
	case InitiatorDestination:
		return "destination"
	default:
		return "unknown"
	}
}

// IODirection is the value of network.io.direction: which end counted, where both do.
type IODirection uint8

const (
	NoDirection IODirection = iota
	Transmit
	Receive
)

func (d IODirection) String() string {
	switch d {
	case Transmit:
		return "transmit"
	case Receive:
		return "receive"
	default:
		return ""
	}
}

// Selection is a set of attributes.
type Selection uint64

// The attributes, in the order in which they are emitted.
const (
	SrcNamespace Selection = 1 << iota
	SrcOwnerName
	SrcOwnerType
	SrcType
	SrcServiceName
	SrcCIDR
	SrcZone
	DstNamespace
	DstOwnerName
	DstOwnerType
	DstType
	DstServiceName
	DstCIDR
	DstZone
	InterZone
	Transport
	ServerPort
	Direction
	IsTranslated
	SrcPodName
	SrcPodUID
	SrcNode
	SrcAddress
	SrcPortNumber
	DstPodName
	DstPodUID
	DstNode
	DstAddress
	DstPortNumber
	NetworkType
	InterfaceName
	DSCPoint
	FlowInitiator
)

// names are the attributes' names on the wire, by place in the constants above.
func names() []string {
	return []string{
		"source.k8s.namespace.name", "source.k8s.owner.name", "source.k8s.owner.type", "source.k8s.resource.type",
		"source.k8s.service.name", "source.cidr", "source.cloud.availability_zone",
		"destination.k8s.namespace.name", "destination.k8s.owner.name", "destination.k8s.owner.type",
		"destination.k8s.resource.type", "destination.k8s.service.name", "destination.cidr",
		"destination.cloud.availability_zone",
		"network.flow.inter_zone", "network.transport", "server.port", "network.io.direction", "ebpfnet.translated",
		"source.k8s.pod.name", "source.k8s.pod.uid", "source.k8s.node.name", "source.address", "source.port",
		"destination.k8s.pod.name", "destination.k8s.pod.uid", "destination.k8s.node.name", "destination.address",
		"destination.port",
		"network.type", "network.interface.name", "ebpfnet.flow.dscp", "ebpfnet.flow.initiator",
	}
}

// Select returns the set of attributes with the given names; unknown ones are
// left out, which the configuration has refused before.
func Select[S ~string](selected []S) (s Selection) {
	for i, name := range names() {
		for _, wanted := range selected {
			if string(wanted) == name {
				s |= 1 << i
			}
		}
	}
	return s
}

// Has tells whether an attribute is in the set.
func (s Selection) Has(attribute Selection) bool { return s&attribute != 0 }
