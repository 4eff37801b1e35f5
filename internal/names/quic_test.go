package names

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVectorsOfTheRFCs: RFC 9001 and RFC 9369, A.2 of each. Their ClientHello is for
// example.com and offers the protocol "alpn".
func TestVectorsOfTheRFCs(t *testing.T) {
	for _, file := range []string{"quic-v1-rfc9001-a2.hex", "quic-v2-rfc9369-a2.hex"} {
		b := vector(t, file)
		before := slices.Clone(b)
		l := listen()
		l.Observe(datagram(b))
		got := l.one(t)
		require.Equal(t, ClientHello{SNI: "example.com", ALPN: []string{"alpn"}, Version: 0x0304}, got.ClientHello, file)
		require.Equal(t, Whole, got.Ending)
		require.Equal(t, before, b, "the sample is its producer's")
		// What other tests rely on, sealing, makes the same packet of the same frames.
		var k keys
		var to scattered
		require.NoError(t, l.opener.open(b, len(b), &k, &to))
		frames := append([]byte{0x06, 0x00, 0x40, byte(len(to.prefix()))}, to.prefix()...)
		require.Equal(t, b, sealed(t, binary.BigEndian.Uint32(b[1:]), b[6:14], 2, frames), file)
	}
}

func TestHelloOfAQUICClient(t *testing.T) {
	l := listen()
	l.Observe(datagram(firstFlight(t, 1, &tls.Config{ServerName: "www.example.test", NextProtos: []string{"h3"}, CurvePreferences: []tls.CurveID{tls.X25519}})[0]))
	got := l.one(t)
	require.Equal(t, ClientHello{SNI: "www.example.test", ALPN: []string{"h3"}, Version: 0x0304}, got.ClientHello)
	require.Zero(t, l.Len())
}

// TestHelloOverSeveralDatagrams: with a post-quantum key share a ClientHello does not fit into one.
func TestHelloOverSeveralDatagrams(t *testing.T) {
	flight := firstFlight(t, 2, &tls.Config{ServerName: "www.example.test", NextProtos: []string{"h3"}, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}})
	for _, order := range [][]int{{0, 1}, {1, 0}, {0, 0, 1}} {
		l := listen()
		for _, i := range order {
			require.Empty(t, l.heard)
			l.Observe(datagram(flight[i]))
		}
		require.Equal(t, "www.example.test", l.one(t).SNI)
		require.Zero(t, l.Len())
		require.Empty(t, l.of)
	}
	l := listen()
	l.Observe(datagram(flight[0]))
	l.Expire(start + idleHello)
	require.Equal(t, Quiet, l.one(t).Ending)
}

// TestScatteredHello: clients send the pieces in any order, with PING, PADDING and
// gaps between, and more than one packet in a datagram.
func TestScatteredHello(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	want := nameFirst()
	for range 200 {
		var pieces [][]byte
		for at := 0; at < len(want); {
			end := min(at+50+rnd.IntN(600), len(want))
			pieces = append(pieces, cryptoFrame(at, want[at:end]))
			at = end
		}
		rnd.Shuffle(len(pieces), func(i, k int) { pieces[i], pieces[k] = pieces[k], pieces[i] })
		version := []uint32{quicV1, quicV2}[rnd.IntN(2)]
		l := listen()
		id := []byte{1, 2, 3, 4, 5, 6, 7, byte(rnd.IntN(256))}
		size := (len(pieces) + 3) / 4
		for group := range slices.Chunk(pieces, size) {
			frames := bytes.Join(group, [][]byte{nil, {0x01}, {0, 0, 0}, {0x02, 0, 0, 0, 0}, {0x03, 9, 0, 1, 0, 0, 0, 1, 2, 3}}[rnd.IntN(5)])
			l.Observe(datagram(sealed(t, version, id, rnd.Uint32()>>rnd.IntN(32), frames)))
		}
		got := l.one(t)
		require.Equal(t, Whole, got.Ending)
		require.Equal(t, "a.test", got.SNI)
	}
}

func TestClientThatClosesAtOnce(t *testing.T) {
	l := listen()
	hello := built(0x0303, extension(extServerName, "\x00\x09\x00\x00\x06a.test"))
	l.Observe(datagram(sealed(t, quicV1, []byte("12345678"), 0, append(cryptoFrame(0, hello), 0x1c, 0x40, 0xff, 0xff))))
	require.Equal(t, "a.test", l.one(t).SNI)
}

func TestCoalescedPackets(t *testing.T) {
	id := []byte("12345678")
	want := nameFirst()
	b := sealed(t, quicV1, id, 0, cryptoFrame(0, want[:1500]))
	b = append(b, 0xd3, 0, 0, 0, 1, 0, 0, 0x03, 9, 9, 9) // 0-RTT
	b = append(b, sealed(t, quicV1, id, 1, cryptoFrame(1500, want[1500:]))...)
	l := listen()
	l.Observe(datagram(b))
	require.Equal(t, "a.test", l.one(t).SNI)
}

// TestRetryChangesTheKeys: after a Retry the client addresses the server by a new id.
func TestRetryChangesTheKeys(t *testing.T) {
	want := nameFirst()
	l := listen()
	l.Observe(datagram(sealed(t, quicV1, []byte("first-id"), 0, cryptoFrame(0, want[:1000]))))
	l.Observe(datagram(sealed(t, quicV1, []byte("other-id"), 1, cryptoFrame(0, want[:1100]))))
	l.Observe(datagram(sealed(t, quicV1, []byte("other-id"), 2, cryptoFrame(1100, want[1100:]))))
	require.Equal(t, "a.test", l.one(t).SNI)
}

func TestSampleOfADatagramIsReadUnchecked(t *testing.T) {
	for _, file := range []string{"quic-v1-rfc9001-a2.hex", "quic-v2-rfc9369-a2.hex"} {
		b := vector(t, file)
		for n, want := range map[int]Ending{280: Whole, 200: Sampled} {
			l := listen()
			p := datagram(b)
			p.Payload = b[:n]
			l.Observe(p)
			got := l.one(t)
			require.Equal(t, "example.com", got.SNI)
			require.Equal(t, want, got.Ending)
		}
	}
}

func TestFlightThatIsTooLong(t *testing.T) {
	l := listen()
	want := nameFirst()
	for i := range maxDatagrams {
		l.Observe(datagram(sealed(t, quicV1, []byte("12345678"), uint32(i), cryptoFrame(0, want[:100]))))
	}
	got := l.one(t)
	require.Equal(t, TooLong, got.Ending)
	require.Equal(t, "a.test", got.SNI)
	l.Observe(datagram(sealed(t, quicV1, []byte("12345678"), 9, cryptoFrame(16000, make([]byte, 500)))))
	require.Equal(t, TooLong, l.one(t).Ending)
}

func TestWhatIsNoClientsInitialIsCounted(t *testing.T) {
	good := vector(t, "quic-v1-rfc9001-a2.hex")
	set := func(offset int, v byte) []byte {
		b := slices.Clone(good)
		b[offset] = v
		return b
	}
	for why, c := range map[string]struct {
		b    []byte
		want HelloCounters
	}{
		"short datagram":     {good[:1199], HelloCounters{NotHello: 1}},
		"short header":       {set(0, 0x40), HelloCounters{NotHello: 1}},
		"other version":      {set(4, 2), HelloCounters{NotHello: 1}},
		"negotiation":        {set(4, 0), HelloCounters{NotHello: 1}},
		"retry":              {set(0, 0xf0), HelloCounters{NotHello: 1}},
		"handshake":          {set(0, 0xe0), HelloCounters{NotHello: 1}},
		"long connection id": {set(5, 21), HelloCounters{NotHello: 1}},
		"long token":         {set(15, 0x7f), HelloCounters{NotHello: 1}},
		"long packet":        {set(16, 0x7f), HelloCounters{NotHello: 1}},
		"other keys":         {set(6, 0), HelloCounters{Undecrypted: 1}},
		"changed":            {set(500, 0), HelloCounters{Undecrypted: 1}},
		"zeros":              {make([]byte, 1200), HelloCounters{NotHello: 1}},
		"frames of others":   {sealed(t, quicV1, []byte("12345678"), 0, []byte{0x08}), HelloCounters{Undecrypted: 1}},
		"server's hello":     {sealed(t, quicV1, []byte("12345678"), 0, cryptoFrame(0, []byte{2, 0, 0, 0})), HelloCounters{NotHello: 1}},
	} {
		l := listen()
		l.Observe(datagram(c.b))
		require.Equal(t, c.want, l.Counters(), why)
		require.Zero(t, l.Len(), why)
	}
}

// TestPiecesAgreeWithABitmap compares with a byte for each byte.
func TestPiecesAgreeWithABitmap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var s scattered
		var have, bytes [400]byte
		for range 1 + rnd.IntN(20) {
			at := rnd.IntN(300)
			b := make([]byte, 1+rnd.IntN(100))
			for i := range b {
				b[i] = byte(rnd.Uint32())
				have[at+i], bytes[at+i] = 1, b[i]
			}
			s.add(at, b)
		}
		n := slices.Index(have[:], 0)
		require.False(t, s.full)
		require.Equal(t, bytes[:n], append([]byte{}, s.prefix()...))
	}
}

// FuzzDatagram: a datagram as it is, and as the frames of a packet that is sealed properly.
func FuzzDatagram(f *testing.F) {
	f.Add(vector(f, "quic-v1-rfc9001-a2.hex"), uint16(0))
	f.Add(vector(f, "quic-v2-rfc9369-a2.hex"), uint16(900))
	f.Add(slices.Concat(cryptoFrame(0, nameFirst()[:60]), []byte{1, 0, 2, 9, 0, 0, 0}, cryptoFrame(60, nameFirst()[60:200])), uint16(0))
	f.Add([]byte{0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 0x02, 0, 0, 0xbf, 0xff, 0xff, 0xff}, uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		if len(b) > 8000 {
			return
		}
		l := listen()
		for _, payload := range [][]byte{b, sealed(t, quicV1, []byte("12345678"), 1, b)} {
			p := datagram(payload)
			p.Length = max(p.Length, minDatagram)
			p.Payload = payload[:max(len(payload)-int(cut), 0)]
			l.Observe(p)
			l.Observe(p)
		}
		l.Expire(start + idleHello)
		require.Zero(t, l.Len())
		require.Empty(t, l.of)
		for _, h := range l.heard {
			require.LessOrEqual(t, len(h.SNI), 4*255)
		}
	})
}
