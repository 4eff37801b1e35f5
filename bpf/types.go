package bpf

import "github.com/cilium/ebpf"

// The types of the maps, as bpf2go reads them from the object's BTF. Addresses
// are in network byte order as they lie in memory, ports in host byte order.
type (
	Flow4Key      = flowFlow4Key
	Flow6Key      = flowFlow6Key
	Flow4         = flowFlow
	Flow6         = flowFlow6
	Nat4          = flowNat4
	Nat6          = flowNat6
	Stats         = flowStats
	Amount        = flowAmount
	Slot          = flowSlot
	RefusedKey    = flowRefusedKey
	RefusedTCP    = flowRefusedTcp
	RefusedTCPKey = flowRefusedTcpKey
	Fill          = flowFill
)

// Values of the C side's enums, typed as the fields that hold them.
const (
	MaxInterfaces = int(flowLimitsMAX_INTERFACES)
	SlotBuckets   = uint32(flowLimitsSLOT_BUCKETS)
	SlotProbes    = uint32(flowLimitsSLOT_PROBES)

	SlotNoEthernet = uint16(flowSlotFlagsSLOT_NO_ETHERNET)
	SlotInside     = uint16(flowSlotFlagsSLOT_INSIDE)

	ClaimSocket    = uint8(flowFlowClaimCLAIM_SOCKET)
	ClaimForwarded = uint8(flowFlowClaimCLAIM_FORWARDED)

	NATTranslated = uint8(flowFlowNatNAT_TRANSLATED)
	NATFull       = uint8(flowFlowNatNAT_FULL)

	HookIngress = uint8(flowHookHOOK_INGRESS)
	HookEgress  = uint8(flowHookHOOK_EGRESS)
)

// Generation is a pair of connection maps and NAT maps that rest or are
// written together.
type Generation struct {
	Flows4, Flows6, Nat4, Nat6 *ebpf.Map
}
