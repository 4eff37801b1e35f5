package names

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/quic"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// vector is a packet in hexadecimal.
func vector(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	require.NoError(t, err)
	return b
}

func datagram(payload []byte) *Packet {
	p := segment(0, payload)
	p.Tuple.Proto = flow.UDP
	return p
}

// firstFlight is what a QUIC client sends before it hears anything: n datagrams of
// golang.org/x/net/quic, which go nowhere.
func firstFlight(t testing.TB, n int, config *tls.Config) (datagrams [][]byte) {
	t.Helper()
	conn := &nowhere{sent: make(chan []byte, 64), closed: make(chan struct{})}
	config.MinVersion = tls.VersionTLS13
	endpoint, err := quic.NewEndpoint(conn, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = endpoint.Dial(ctx, "udp", "198.18.9.1:443", &quic.Config{TLSConfig: config})
	}()
	for range n {
		select {
		case b := <-conn.sent:
			datagrams = append(datagrams, b)
		case <-time.After(30 * time.Second):
			t.Fatal("the client sends nothing")
		}
	}
	cancel()
	<-done
	_ = endpoint.Close(ctx)
	return datagrams
}

// nowhere is a socket that keeps what is sent and receives nothing.
type nowhere struct {
	sent   chan []byte
	closed chan struct{}
}

func (c *nowhere) ReadFrom([]byte) (int, net.Addr, error) {
	<-c.closed
	return 0, nil, net.ErrClosed
}

func (c *nowhere) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case c.sent <- append([]byte(nil), b...):
	default:
	}
	return len(b), nil
}

func (c *nowhere) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}

func (c *nowhere) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(198, 18, 0, 1), Port: 40000}
}
func (c *nowhere) SetDeadline(time.Time) error      { return nil }
func (c *nowhere) SetReadDeadline(time.Time) error  { return nil }
func (c *nowhere) SetWriteDeadline(time.Time) error { return nil }

// sealed is a client's Initial packet with these frames, in a datagram of 1200 bytes
// or more: the reverse of what is tested, after RFC 9001, 5.
func sealed(t testing.TB, version uint32, id []byte, number uint32, frames []byte) []byte {
	t.Helper()
	k, err := derive(version, id)
	require.NoError(t, err)
	first := byte(0xc3) // Initial, four bytes of packet number
	if version == quicV2 {
		first = 0xd3
	}
	head := binary.BigEndian.AppendUint32([]byte{first}, version)
	head = append(append(head, byte(len(id))), id...)
	head = append(head, 0, 0) // source, token
	if fill := 1162 - len(frames); fill > 0 {
		frames = append(frames[:len(frames):len(frames)], make([]byte, fill)...)
	}
	head = binary.BigEndian.AppendUint16(head, 0x4000|uint16(4+len(frames)+tagLength))
	at := len(head)
	head = binary.BigEndian.AppendUint32(head, number)
	nonce := append([]byte(nil), k.iv...)
	for i := range 4 {
		nonce[8+i] ^= head[at+i]
	}
	b := k.aead.Seal(append([]byte(nil), head...), nonce, frames, head)
	mask := make([]byte, sampleLength)
	k.header.Encrypt(mask, b[at+4:at+4+sampleLength])
	b[0] ^= mask[0] & 0x0f
	for i := range 4 {
		b[at+i] ^= mask[1+i]
	}
	return b
}

// cryptoFrame carries part of a stream.
func cryptoFrame(offset int, b []byte) []byte {
	frame := binary.BigEndian.AppendUint16([]byte{0x06}, 0x4000|uint16(offset))
	frame = binary.BigEndian.AppendUint16(frame, 0x4000|uint16(len(b)))
	return append(frame, b...)
}
