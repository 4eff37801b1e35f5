package kube

import (
	"net/netip"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// sliceFacts is what is kept of an EndpointSlice object.
type sliceFacts struct {
	object
	service name
	ports   []servicePort
	addrs   []flow.Addr
}

func sliceFactsOf(s *discoveryv1.EndpointSlice) *sliceFacts {
	f := &sliceFacts{
		object:  object{id: uidOf(s.UID)},
		service: name{s.Namespace, s.Labels[discoveryv1.LabelServiceName]},
	}
	for _, p := range s.Ports {
		if p.Port == nil || p.Protocol == nil {
			continue
		}
		port := servicePort{port: uint16(*p.Port), proto: protoOf(*p.Protocol)}
		if p.Name != nil {
			port.name = *p.Name
		}
		f.ports = append(f.ports, port)
	}
	for _, e := range s.Endpoints {
		// An endpoint's further addresses stand for the same pod.
		if len(e.Addresses) > 0 && reachable(e.Conditions) {
			if a, ok := addrOf(e.Addresses[0]); ok {
				f.addrs = append(f.addrs, a)
			}
		}
	}
	return f
}

// reachable tells whether traffic may still go there: also to one that is
// ending, when nobody else is left.
func reachable(c discoveryv1.EndpointConditions) bool {
	return c.Ready == nil || *c.Ready || c.Serving != nil && *c.Serving
}

// endpointSlices knows where Services lead.
type endpointSlices struct {
	byID      map[uid]*sliceFacts
	byService map[name]map[uid]*sliceFacts
}

func newEndpointSlices() endpointSlices {
	return endpointSlices{byID: map[uid]*sliceFacts{}, byService: map[name]map[uid]*sliceFacts{}}
}

func (ix *index) putSlice(f *sliceFacts) {
	ix.removeSlice(f.id)
	if f.service.name == "" {
		return
	}
	ix.slices.byID[f.id] = f
	of := ix.slices.byService[f.service]
	if of == nil {
		of = map[uid]*sliceFacts{}
		ix.slices.byService[f.service] = of
	}
	of[f.id] = f
}

func (ix *index) removeSlice(id uid) {
	f := ix.slices.byID[id]
	if f == nil {
		return
	}
	delete(ix.slices.byID, id)
	of := ix.slices.byService[f.service]
	if delete(of, id); len(of) == 0 {
		delete(ix.slices.byService, f.service)
	}
}

// backends is where the Service's port leads: addresses of the same family.
func (ix *index) backends(service flow.Addr, port uint16, proto uint8) []netip.AddrPort {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	s := ix.services.at(service)
	if s == nil {
		return nil
	}
	var all []netip.AddrPort
	for _, want := range s.ports {
		if want.port != port || want.proto != proto {
			continue
		}
		for _, f := range ix.slices.byService[s.name] {
			all = append(all, f.backends(want, service.Is4())...)
		}
	}
	return all
}

func (f *sliceFacts) backends(want servicePort, is4 bool) (all []netip.AddrPort) {
	for _, p := range f.ports {
		if p.name != want.name || p.proto != want.proto {
			continue
		}
		for _, a := range f.addrs {
			if a.Is4() == is4 {
				all = append(all, netip.AddrPortFrom(a.Netip(), p.port))
			}
		}
	}
	return all
}
