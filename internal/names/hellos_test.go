package names

import (
	"crypto/tls"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHelloInOneSegment(t *testing.T) {
	l := listen()
	b := hello(t, &tls.Config{ServerName: "www.example.test", NextProtos: []string{"h2"}})
	p := segment(1, b)
	l.Observe(p)
	require.Equal(t, Hello{
		Tuple: p.Tuple, At: start,
		ClientHello: ClientHello{SNI: "www.example.test", ALPN: []string{"h2"}, Version: 0x0304},
	}, l.one(t))
	require.Zero(t, l.Len())
	require.Equal(t, HelloCounters{Hellos: 1}, l.Counters())
}

func TestHelloInAnySegmentsAndRecords(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	whole := message(hello(t, &tls.Config{ServerName: "www.example.test", NextProtos: []string{"h2"}}))
	for range 500 {
		l := listen()
		stream := inRecords(whole, 1+rnd.IntN(1<<rnd.IntN(12)))
		first := rnd.Uint32()
		for at := 0; at < len(stream); {
			end := min(at+1+rnd.IntN(1<<rnd.IntN(12)), len(stream))
			from := max(at-rnd.IntN(3)*rnd.IntN(9), 0) // some of it again
			p := segment(first+uint32(from), stream[from:end])
			l.Observe(p)
			if at+1 < end && end < len(stream) && rnd.IntN(4) == 0 {
				l.Observe(p) // retransmitted
			}
			at = end
		}
		got := l.one(t)
		require.Equal(t, Whole, got.Ending)
		require.Equal(t, "www.example.test", got.SNI)
		require.Zero(t, l.Len())
	}
}

// nameFirst is a long ClientHello with SNI and ALPN at its beginning.
func nameFirst() []byte {
	return built(0x0303,
		extension(extServerName, "\x00\x09\x00\x00\x06a.test"),
		extension(extALPN, "\x00\x03\x02h2"),
		extension(0x1234, string(make([]byte, 3000))))
}

func TestWhatEndsAHelloIsSaid(t *testing.T) {
	stream := inRecords(nameFirst(), maxRecord)
	half := len(stream) / 2
	for want, do := range map[Ending]func(*listener){
		Gap: func(l *listener) { l.Observe(segment(uint32(half)+2, stream[half+1:])) },
		Sampled: func(l *listener) {
			p := segment(uint32(half)+1, stream[half:])
			p.Payload = p.Payload[:100]
			l.Observe(p)
		},
		Quiet: func(l *listener) {
			l.Expire(start + idleHello - 1)
			require.Equal(t, 1, l.Len())
			l.Expire(start + idleHello)
		},
		NoRoom: func(l *listener) { other := segment(1, stream[:half]); other.Tuple.SrcPort++; l.Observe(other) },
	} {
		l := listen(func(c *TLSConfig) { c.MaxHandshakes = 1 })
		l.Observe(segment(1, stream[:half]))
		require.Empty(t, l.heard)
		do(l)
		got := l.one(t)
		require.Equal(t, want, got.Ending)
		require.Equal(t, ClientHello{SNI: "a.test", ALPN: []string{"h2"}, Version: 0x0303}, got.ClientHello, "what was there is right")
		require.EqualValues(t, 1, l.Counters().Partial)
	}
	l := listen()
	p := segment(1, stream)
	p.Payload = p.Payload[:200]
	l.Observe(p)
	got := l.one(t)
	require.Equal(t, Sampled, got.Ending)
	require.Equal(t, "a.test", got.SNI)
}

func TestSegmentsOutOfOrderGiveUpOnce(t *testing.T) {
	stream := inRecords(nameFirst(), maxRecord)
	l := listen()
	l.Observe(segment(1, stream[:1000]))
	l.Observe(segment(2001, stream[2000:]))
	l.Observe(segment(1001, stream[1000:2000]))
	got := l.one(t)
	require.Equal(t, Gap, got.Ending)
	require.Zero(t, l.Len())
}

func TestHelloThatIsTooLong(t *testing.T) {
	long := built(0x0303,
		extension(extServerName, "\x00\x09\x00\x00\x06a.test"),
		extension(0x1234, string(make([]byte, 60000))))
	stream := inRecords(long, maxRecord)
	l := listen()
	for at := 0; at < len(stream); at += 1400 {
		l.Observe(segment(uint32(at), stream[at:min(at+1400, len(stream))]))
		for i := range l.items {
			require.LessOrEqual(t, len(l.items[i].records.message), maxHello)
		}
	}
	got := l.one(t)
	require.Equal(t, TooLong, got.Ending)
	require.Equal(t, "a.test", got.SNI)
}

func TestNewConnectionUnderTheTupleOfAnother(t *testing.T) {
	l := listen()
	l.Observe(segment(1, inRecords(nameFirst(), maxRecord)[:1000]))
	l.Observe(segment(1<<30, hello(t, &tls.Config{ServerName: "b.test"})))
	require.Len(t, l.heard, 2)
	require.Equal(t, Gap, l.heard[0].Ending)
	require.Equal(t, "b.test", l.heard[1].SNI)
}

func TestWhatIsNoHelloIsCounted(t *testing.T) {
	for why, b := range map[string]string{
		"HTTP":         "GET / HTTP/1.1\r\n\r\n",
		"SSH":          "SSH-2.0-OpenSSH_9.2\r\n",
		"application":  "\x17\x03\x03\x00\x10",
		"alert":        "\x15\x03\x03\x00\x02\x02\x28",
		"server hello": "\x16\x03\x03\x00\x04\x02\x00\x00\x00",
		"empty record": "\x16\x03\x01\x00\x00",
		"long record":  "\x16\x03\x01\x40\x01",
		"SSL 2":        "\x80\x2e\x01\x00\x02",
		"broken hello": "\x16\x03\x01\x00\x06\x01\x00\x00\x02\x02\x03",
	} {
		l := listen()
		l.Observe(segment(1, []byte(b)))
		require.Empty(t, l.heard, why)
		require.Zero(t, l.Len(), why)
		require.Equal(t, HelloCounters{NotHello: 1}, l.Counters(), why)
	}
	l := listen()
	l.Observe(segment(1, nil))
	require.Zero(t, l.Counters())
}

func TestHandshakesAreBounded(t *testing.T) {
	l := listen(func(c *TLSConfig) { c.MaxHandshakes = 10 })
	stream := inRecords(nameFirst(), maxRecord)
	for port := range uint16(1000) {
		p := segment(1, stream[:500])
		p.Tuple.SrcPort = port
		l.Observe(p)
		require.LessOrEqual(t, l.Len(), 10)
	}
	require.Len(t, l.heard, 990)
	require.EqualValues(t, 990, l.Counters().Evicted)
	require.Len(t, l.items, 11)
	l.Close()
	require.Len(t, l.heard, 1000)
	require.Empty(t, l.of)
}

// TestHellosOfOpenssl: what s_client sends, with the rest of its side of the
// handshake after it. That of a retry (HelloRetryRequest) has another record before its
// second ClientHello, which says nothing new.
func TestHellosOfOpenssl(t *testing.T) {
	l := listen()
	for _, p := range capture(t, "tls-openssl.pcap") {
		l.Observe(p)
	}
	var got []ClientHello
	for _, h := range l.heard {
		require.Equal(t, Whole, h.Ending)
		got = append(got, h.ClientHello)
	}
	const service = "outbound_.8080_.v1_.reviews.default.svc.cluster.local"
	istio := ClientHello{SNI: service, ALPN: []string{"istio-peer-exchange", "istio"}, Version: 0x0304}
	require.Equal(t, []ClientHello{
		{SNI: "www.example.test", ALPN: []string{"h2", "http/1.1"}, Version: 0x0304},
		{SNI: "old.example.test", Version: 0x0303},
		{Version: 0x0304},
		{SNI: "retry.example.test", Version: 0x0304},
		istio,
	}, got)
	require.Equal(t, Meshed{Name: Istio, MTLS: true, Host: "reviews.default.svc.cluster.local", Port: 8080, Subset: "v1"}, Mesh(istio.SNI, istio.ALPN, 8080))
}

// FuzzSegments: a stream in other segments gives the same ClientHello, and none
// that is too much. The first byte is the length of the segments.
func FuzzSegments(f *testing.F) {
	f.Add(append([]byte{100}, hello(f, &tls.Config{ServerName: "www.example.test"})...))
	f.Add(append([]byte{7}, inRecords(nameFirst(), 100)...))
	f.Add([]byte("\x01\x16\x03\x01\x00\x01\x01\x16\x03\x01\x40\x00\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		size, stream := int(b[0])+1, b[1:]
		whole, cut := listen(), listen()
		whole.Observe(segment(1, stream))
		whole.Expire(start + idleHello)
		for at := 0; at < len(stream) && len(cut.heard) == 0; at += size {
			cut.Observe(segment(1+uint32(at), stream[at:min(at+size, len(stream))]))
			if cut.Counters().NotHello > 0 {
				break
			}
		}
		cut.Expire(start + idleHello)
		require.LessOrEqual(t, len(whole.heard), 1)
		if len(whole.heard) == 1 && whole.heard[0].Ending == Whole {
			require.Len(t, cut.heard, 1)
			require.Equal(t, whole.heard[0].ClientHello, cut.heard[0].ClientHello)
		}
	})
}
