package kube

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// serviceFacts is what is kept of a Service object.
type serviceFacts struct {
	object
	name    name
	cluster []flow.Addr // given by the API server: nobody else's
	outer   []flow.Addr // external and load balancer addresses, which users write
	ports   []servicePort
}

type servicePort struct {
	name  string // the same in the Service and in its EndpointSlices
	port  uint16
	proto uint8
}

func serviceFactsOf(s *corev1.Service) *serviceFacts {
	f := &serviceFacts{object: object{id: uidOf(s.UID)}, name: name{s.Namespace, s.Name}}
	clusterIPs := s.Spec.ClusterIPs
	if len(clusterIPs) == 0 {
		clusterIPs = []string{s.Spec.ClusterIP}
	}
	f.cluster = addrsOf(clusterIPs) // "None" of a headless one is no address
	outer := slices.Clone(s.Spec.ExternalIPs)
	for _, in := range s.Status.LoadBalancer.Ingress {
		outer = append(outer, in.IP)
	}
	f.outer = addrsOf(outer)
	for _, p := range s.Spec.Ports {
		f.ports = append(f.ports, servicePort{p.Name, uint16(p.Port), protoOf(p.Protocol)})
	}
	return f
}

func protoOf(p corev1.Protocol) uint8 {
	switch p {
	case corev1.ProtocolUDP:
		return flow.UDP
	case corev1.ProtocolSCTP:
		return flow.SCTP
	default: // TCP is the API's default
		return flow.TCP
	}
}

type service struct {
	*serviceFacts
	who *flow.Endpoint
}

// services knows the Services by their addresses, and the ranges that their
// cluster addresses come from.
type services struct {
	byID   map[uid]*service
	byAddr map[flow.Addr][]*service // the first has it
	ranges ranges[*flow.Endpoint]
	cidrs  map[uid][]prefix // of the ServiceCIDR objects
	some   *flow.Endpoint   // a Service of which no more is known
}

func newServices() services {
	return services{
		byID: map[uid]*service{}, byAddr: map[flow.Addr][]*service{},
		ranges: newRanges[*flow.Endpoint](), cidrs: map[uid][]prefix{},
		some: &flow.Endpoint{Kind: flow.Service},
	}
}

// at is the Service that has the address, nil if none has.
func (ss *services) at(a flow.Addr) *service {
	if all := ss.byAddr[a]; len(all) > 0 {
		return all[0]
	}
	return nil
}

func (ix *index) putService(f *serviceFacts) {
	ss := &ix.services
	s := &service{serviceFacts: f}
	if was := ss.byID[f.id]; was != nil {
		s.who = was.who // an object's name does not change
		ix.removeService(f.id)
	} else {
		s.who = &flow.Endpoint{
			Kind: flow.Service, Namespace: f.name.namespace, Service: f.name.name,
			OwnerName: f.name.name, OwnerType: "Service",
		}
	}
	ss.byID[f.id] = s
	// A Service must not take another's cluster address by naming it as its
	// own external one (CVE-2020-8554).
	for _, a := range f.cluster {
		ss.byAddr[a] = slices.Insert(ss.byAddr[a], 0, s)
	}
	for _, a := range f.outer {
		ss.byAddr[a] = append(ss.byAddr[a], s)
	}
}

func (ix *index) removeService(id uid) {
	ss := &ix.services
	s := ss.byID[id]
	if s == nil {
		return
	}
	delete(ss.byID, id)
	for _, a := range slices.Concat(s.cluster, s.outer) {
		rest := slices.DeleteFunc(ss.byAddr[a], func(other *service) bool { return other == s })
		if ss.byAddr[a] = rest; len(rest) == 0 {
			delete(ss.byAddr, a)
		}
	}
}

// rangeFacts is what is kept of a ServiceCIDR object.
type rangeFacts struct {
	object
	ranges []prefix
}

func rangeFactsOf(s *networkingv1.ServiceCIDR) *rangeFacts {
	return &rangeFacts{object{id: uidOf(s.UID)}, prefixesOf(s.Spec.CIDRs)}
}

func (ix *index) putServiceRange(f *rangeFacts) {
	ix.removeServiceRange(f.id)
	ix.services.cidrs[f.id] = f.ranges
	for _, p := range f.ranges {
		ix.services.ranges.put(p, ix.services.some)
	}
}

func (ix *index) removeServiceRange(id uid) {
	gone := ix.services.cidrs[id]
	delete(ix.services.cidrs, id)
	for _, p := range gone {
		ix.services.ranges.remove(p, ix.services.some)
	}
}
