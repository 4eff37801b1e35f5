package names

import (
	"slices"
	"strconv"
	"strings"
)

// Meshes by the value of ebpfnet.mesh.name.
const (
	Istio   = "istio"         // sidecars and gateways
	Ambient = "istio-ambient" // HBONE: ztunnels and waypoints
	Linkerd = "linkerd"
)

// hbone is the port of Istio's HTTP CONNECT tunnels over mutual TLS.
const hbone = 15008

// Meshed is what a service mesh wrote into a ClientHello.
type Meshed struct {
	Name   string // empty: no mesh is recognised
	MTLS   bool   // the proxies authenticate each other; false if it does not show
	Host   string // the Service that was called, as Istio names it: reviews.default.svc.cluster.local
	Port   uint16 // of that Service
	Subset string // of a DestinationRule
}

// Mesh tells whether proxies of a mesh made the ClientHello, which went to that port. Without
// one it says what the port alone tells.
//
//   - Istio's sidecars offer ALPN protocols of their own to each other, and nobody else; in SNI
//     they write outbound_.PORT_.SUBSET_.HOST.
//   - Its ambient mode has a port, and offers h2 there. The Service is inside the tunnel.
//   - Linkerd's SNI is the identity of the server's proxy, whose service account says nothing of the
//     Service; its ALPN for opaque transport is transport.l5d.io/v1.
func Mesh(sni string, alpn []string, port uint16) (m Meshed) {
	m.Host, m.Port, m.Subset = outbound(sni)
	switch {
	case slices.ContainsFunc(alpn, isIstio):
		m.Name, m.MTLS = Istio, true
	case m.Host != "":
		m.Name = Istio
	case port == hbone:
		m.Name, m.MTLS = Ambient, slices.Contains(alpn, "h2")
	case isLinkerd(sni), slices.Contains(alpn, "transport.l5d.io/v1"):
		m.Name, m.MTLS = Linkerd, true
	}
	return m
}

func isIstio(protocol string) bool {
	switch protocol {
	case "istio", "istio-peer-exchange", "istio-h2", "istio-http/1.1", "istio-http/1.0":
		return true
	}
	return false
}

// outbound takes Istio's cluster name apart.
func outbound(sni string) (host string, port uint16, subset string) {
	rest, ok := strings.CutPrefix(sni, "outbound_.")
	number, rest, ok1 := strings.Cut(rest, "_.")
	subset, host, ok2 := strings.Cut(rest, "_.")
	n, err := strconv.ParseUint(number, 10, 16)
	if !ok || !ok1 || !ok2 || err != nil || n == 0 || host == "" {
		return "", 0, ""
	}
	return host, uint16(n), subset
}

// isLinkerd: <service account>.<namespace>.serviceaccount.identity.<control plane's namespace>.<trust domain>
func isLinkerd(sni string) bool {
	labels := strings.Split(sni, ".")
	return len(labels) > 5 && labels[2] == "serviceaccount" && labels[3] == "identity"
}
