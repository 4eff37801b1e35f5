package names

import (
	"crypto/tls"
	"testing"
)

// BenchmarkHello is a connection's ClientHello of crypto/tls, with a post-quantum
// key share: 1.5 kB.
func BenchmarkHello(b *testing.B) {
	stream := hello(b, &tls.Config{ServerName: "www.example.test", NextProtos: []string{"h2", "http/1.1"}})
	for name, parts := range map[string][]*Packet{
		"one segment":  {segment(1, stream)},
		"two segments": {segment(1, stream[:1200]), segment(1201, stream[1200:])},
		"no TLS":       {segment(1, []byte("GET / HTTP/1.1\r\n"))},
	} {
		b.Run(name, func(b *testing.B) { benchmarkHellos(b, parts, name != "no TLS") })
	}
}

// BenchmarkInitial is a QUIC connection: keys, decryption, ClientHello.
func BenchmarkInitial(b *testing.B) {
	flight := firstFlight(b, 2, &tls.Config{ServerName: "www.example.test", NextProtos: []string{"h3"}, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}})
	for name, parts := range map[string][]*Packet{
		"one datagram":  {datagram(vector(b, "quic-v1-rfc9001-a2.hex"))},
		"two datagrams": {datagram(flight[0]), datagram(flight[1])},
		"no QUIC":       {datagram(make([]byte, 1200))},
	} {
		b.Run(name, func(b *testing.B) { benchmarkHellos(b, parts, name != "no QUIC") })
	}
}

func benchmarkHellos(b *testing.B, parts []*Packet, found bool) {
	n := 0
	l := NewHellos(NewDefaultTLSConfig(), func(*Hello) { n++ })
	b.ReportAllocs()
	for i := range b.N {
		for _, p := range parts {
			p.Tuple.SrcPort = uint16(i)
			l.Observe(p)
		}
	}
	if found && n != b.N {
		b.Fatalf("%d of %d were found", n, b.N)
	}
}
