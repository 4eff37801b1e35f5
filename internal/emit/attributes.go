package emit

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfnet/ebpfnetreceiver/internal/aggregate"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// attributesOfSeries is about how many a series has; it saves growing.
const attributesOfSeries = 16

// putSeries writes the attributes of a series. What is unknown is left out.
func (n *ends) putSeries(to pcommon.Map, k *aggregate.Key, s aggregate.Selection) {
	if k.Overflow {
		to.PutBool("otel.metric.overflow", true)
		return
	}
	to.EnsureCapacity(attributesOfSeries)
	putIdentity(to, &n.src, k.Src)
	putIdentity(to, &n.dst, k.Dst)
	if k.InterZone != aggregate.Unknown {
		to.PutBool("network.flow.inter_zone", k.InterZone == aggregate.Yes)
	}
	if k.HasProto {
		to.PutStr("network.transport", flow.ProtocolName(k.Proto))
	}
	if k.ServerPort != 0 {
		to.PutInt("server.port", int64(k.ServerPort))
	}
	if k.Direction != aggregate.NoDirection {
		to.PutStr("network.io.direction", k.Direction.String())
	}
	if k.Translated {
		to.PutBool("ebpfnet.translated", true)
	}
	putDetails(to, k, s)
}

// putDetails writes what is opt-in.
func putDetails(to pcommon.Map, k *aggregate.Key, s aggregate.Selection) {
	if s.Has(aggregate.SrcAddress) {
		to.PutStr("source.address", k.SrcAddr.Netip().String())
	}
	if k.SrcPort != 0 {
		to.PutInt("source.port", int64(k.SrcPort))
	}
	if s.Has(aggregate.DstAddress) {
		to.PutStr("destination.address", k.DstAddr.Netip().String())
	}
	if k.DstPort != 0 {
		to.PutInt("destination.port", int64(k.DstPort))
	}
	if k.IPv6 != aggregate.Unknown {
		to.PutStr("network.type", networkType(k.IPv6 == aggregate.Yes))
	}
	putString(to, "network.interface.name", k.Interface)
	if s.Has(aggregate.DSCPoint) {
		to.PutInt("ebpfnet.flow.dscp", int64(k.DSCP))
	}
	if s.Has(aggregate.FlowInitiator) {
		to.PutStr("ebpfnet.flow.initiator", k.Initiator.String())
	}
}

func networkType(v6 bool) string {
	if v6 {
		return "ipv6"
	}
	return "ipv4"
}

// ends are the names of both ends' attributes, made once for a message.
type ends struct{ src, dst endNames }

func newEnds() ends { return ends{sourceNames(), destinationNames()} }

type endNames struct {
	namespace, ownerName, ownerType, kind, service, cidr, zone, podName, podUID, node, labels string
}

func sourceNames() endNames {
	return endNames{
		namespace: "source.k8s.namespace.name", ownerName: "source.k8s.owner.name", ownerType: "source.k8s.owner.type",
		kind: "source.k8s.resource.type", service: "source.k8s.service.name", cidr: "source.cidr",
		zone: "source.cloud.availability_zone", podName: "source.k8s.pod.name", podUID: "source.k8s.pod.uid",
		node: "source.k8s.node.name", labels: "source.k8s.pod.label.",
	}
}

func destinationNames() endNames {
	return endNames{
		namespace: "destination.k8s.namespace.name", ownerName: "destination.k8s.owner.name",
		ownerType: "destination.k8s.owner.type", kind: "destination.k8s.resource.type",
		service: "destination.k8s.service.name", cidr: "destination.cidr",
		zone: "destination.cloud.availability_zone", podName: "destination.k8s.pod.name",
		podUID: "destination.k8s.pod.uid", node: "destination.k8s.node.name", labels: "destination.k8s.pod.label.",
	}
}

func putIdentity(to pcommon.Map, names *endNames, i *aggregate.Identity) {
	putString(to, names.namespace, i.Namespace)
	putString(to, names.ownerName, i.OwnerName)
	putString(to, names.ownerType, i.OwnerType)
	if i.HasKind {
		to.PutStr(names.kind, i.Kind.String())
	}
	putString(to, names.service, i.Service)
	putString(to, names.cidr, i.CIDR)
	putString(to, names.zone, i.Zone)
	putString(to, names.podName, i.PodName)
	putString(to, names.podUID, i.PodUID)
	putString(to, names.node, i.NodeName)
	i.Labels(func(key, value string) { to.PutStr(names.labels+key, value) })
}

func putEndpoint(to pcommon.Map, names *endNames, e *flow.Endpoint) {
	putString(to, names.namespace, e.Namespace)
	putString(to, names.ownerName, e.OwnerName)
	putString(to, names.ownerType, e.OwnerType)
	to.PutStr(names.kind, e.Kind.String())
	putString(to, names.cidr, e.CIDR)
	putString(to, names.zone, e.Zone)
	putString(to, names.podName, e.PodName)
	putString(to, names.podUID, e.PodUID)
	putString(to, names.node, e.NodeName)
	for _, l := range e.Labels {
		to.PutStr(names.labels+l.Key, l.Value)
	}
}

func putString(to pcommon.Map, name, value string) {
	if value != "" {
		to.PutStr(name, value)
	}
}
