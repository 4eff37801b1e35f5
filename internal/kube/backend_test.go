package kube

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func newSlice(name, service string, port int32, ips ...string) *discoveryv1.EndpointSlice {
	portName, tcp := "http", corev1.ProtocolTCP
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: uidFor("EndpointSlice", name),
			Labels: map[string]string{discoveryv1.LabelServiceName: service},
		},
		Ports: []discoveryv1.EndpointPort{{Name: &portName, Protocol: &tcp, Port: &port}, {}},
	}
	for _, ip := range ips {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{ip}})
	}
	return s
}

func TestBackendsOfAService(t *testing.T) {
	w := newWorld(t)
	s := newService("web", "198.19.0.5", "fd00:19::5")
	s.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "dns", Port: 80, Protocol: corev1.ProtocolUDP}}
	four := newSlice("web-4", "web", 8080, "198.18.128.7", "198.18.128.8", "198.18.128.9", "nonsense")
	no, yes := false, true
	four.Endpoints[1].Conditions = discoveryv1.EndpointConditions{Ready: &no, Serving: &yes} // ending
	four.Endpoints[2].Conditions = discoveryv1.EndpointConditions{Ready: &no, Serving: &no}
	four.Endpoints = append(four.Endpoints, discoveryv1.Endpoint{})
	w.put(s, four, newSlice("web-6", "web", 8081, "fd00::7"), newSlice("other", "db", 5432, "198.18.128.1"), newSlice("nobodys", "", 1, "198.18.128.2"))

	get := func(ip string, port uint16, proto uint8) []netip.AddrPort {
		return w.ix.backends(addr(t, ip), port, proto)
	}
	require.ElementsMatch(t, []netip.AddrPort{
		netip.MustParseAddrPort("198.18.128.7:8080"), netip.MustParseAddrPort("198.18.128.8:8080"),
	}, get("198.19.0.5", 80, flow.TCP))
	require.Equal(t, []netip.AddrPort{netip.MustParseAddrPort("[fd00::7]:8081")}, get("fd00:19::5", 80, flow.TCP))
	require.Empty(t, get("198.19.0.5", 80, flow.UDP), "no slice has that port")
	require.Empty(t, get("198.19.0.5", 81, flow.TCP))
	require.Empty(t, get("198.19.0.6", 80, flow.TCP))

	w.put(newSlice("web-4", "web", 8080, "198.18.128.9"))
	require.Equal(t, []netip.AddrPort{netip.MustParseAddrPort("198.18.128.9:8080")}, get("198.19.0.5", 80, flow.TCP))
	w.remove(four)
	require.Empty(t, get("198.19.0.5", 80, flow.TCP))
	require.Len(t, w.ix.slices.byID, 2)
	require.Len(t, w.ix.slices.byService, 2)
}
