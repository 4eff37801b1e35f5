package names

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMeshesTellThemselvesByTheirHello: what proxies write, in ClientHellos of crypto/tls.
func TestMeshesTellThemselvesByTheirHello(t *testing.T) {
	const reviews = "reviews.default.svc.cluster.local"
	identity := "web.shop.serviceaccount.identity.linkerd.cluster.local"
	for _, c := range []struct {
		sni  string
		alpn []string
		port uint16
		want Meshed
	}{
		{"outbound_.8080_._." + reviews, []string{"istio-peer-exchange", "istio"}, 8080, Meshed{Istio, true, reviews, 8080, ""}},
		{"outbound_.8080_.v1_." + reviews, []string{"istio-http/1.1", "istio", "http/1.1"}, 15443, Meshed{Istio, true, reviews, 8080, "v1"}},
		{"outbound_.443_._.api.example.test", []string{"istio-h2"}, 443, Meshed{Istio, true, "api.example.test", 443, ""}},
		{"outbound_.8080_._." + reviews, nil, 15443, Meshed{Istio, false, reviews, 8080, ""}},
		{"outbound_.8080_._." + reviews, []string{"h2"}, 8080, Meshed{Istio, false, reviews, 8080, ""}},
		{"www.example.test", []string{"istio-http/1.0"}, 443, Meshed{Istio, true, "", 0, ""}},
		{"", []string{"h2"}, 15008, Meshed{Ambient, true, "", 0, ""}},
		{identity, nil, 4143, Meshed{Linkerd, true, "", 0, ""}},
		{identity, []string{"transport.l5d.io/v1"}, 4143, Meshed{Linkerd, true, "", 0, ""}},
		{"www.example.test", []string{"h2", "http/1.1"}, 443, Meshed{}},
		{"istio.example.test", []string{"istiod"}, 443, Meshed{}},
		{"web.shop.serviceaccount.example.test", []string{"h2"}, 443, Meshed{}},
	} {
		l := listen()
		l.Observe(segment(1, hello(t, &tls.Config{ServerName: c.sni, NextProtos: c.alpn})))
		got := l.one(t)
		require.Equal(t, c.sni, got.SNI)
		require.Equal(t, c.want, Mesh(got.SNI, got.ALPN, c.port), "%s %s", c.sni, c.alpn)
	}
}

func TestPortAloneTellsAmbientButNotItsTLS(t *testing.T) {
	require.Equal(t, Meshed{Name: Ambient}, Mesh("", nil, 15008))
	require.Equal(t, Meshed{}, Mesh("", nil, 15006))
}

func TestNamesThatAreNoClusterOfIstio(t *testing.T) {
	for _, sni := range []string{
		"outbound_.8080_.", "outbound_.8080_.v1", "outbound_.0_._.a.test", "outbound_.65536_._.a.test", "outbound_.x_._.a.test",
		"outbound_.8080_.v1_.", "outbound", "inbound_.8080_._.a.test", "x.outbound_.8080_._.a.test",
	} {
		require.Equal(t, Meshed{}, Mesh(sni, nil, 443), sni)
	}
}
