package names

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// hello is what crypto/tls's client sends first: one record.
func hello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	if config.ServerName == "" {
		config.InsecureSkipVerify = true
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(near, config).Handshake()
	}()
	b := make([]byte, 1<<15)
	require.NoError(t, far.SetReadDeadline(time.Now().Add(30*time.Second)))
	n, err := far.Read(b)
	require.NoError(t, err)
	require.NoError(t, far.Close())
	<-done
	require.NoError(t, near.Close())
	return b[:n]
}

// message is the handshake message in one record.
func message(record []byte) []byte { return record[recordHeader:] }

// inRecords is a handshake message in records of that size.
func inRecords(message []byte, size int) (b []byte) {
	for part := range slices.Chunk(message, size) {
		b = append(b, typeHandshake, 3, 1)
		b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
		b = append(b, part...)
	}
	return b
}

// listener keeps what Hellos hands over.
type listener struct {
	*Hellos
	heard []Hello
}

func listen(change ...func(*TLSConfig)) *listener {
	config := NewDefaultTLSConfig()
	for _, f := range change {
		f(&config)
	}
	l := &listener{}
	l.Hellos = NewHellos(config, func(h *Hello) { l.heard = append(l.heard, *h) })
	return l
}

// one is the only ClientHello since the last call.
func (l *listener) one(t *testing.T) Hello {
	t.Helper()
	require.Len(t, l.heard, 1)
	defer func() { l.heard = nil }()
	return l.heard[0]
}

func segment(seq uint32, payload []byte) *Packet {
	return &Packet{
		Tuple:   flow.Tuple{Src: addr(pod), Dst: addr("198.18.9.1"), SrcPort: 40000, DstPort: 443, Proto: flow.TCP},
		At:      start,
		Seq:     seq,
		Payload: payload,
		Length:  len(payload),
	}
}

// echConfigs is a list with one configuration, of which nobody has the key.
func echConfigs(t testing.TB, public string) []byte {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	pub := key.PublicKey().Bytes()
	body := []byte{1, 0, 0x20, 0, byte(len(pub))} // id, DHKEM(X25519)
	body = append(body, pub...)
	body = append(body, 0, 4, 0, 1, 0, 1, 64, byte(len(public))) // HKDF-SHA256, AES-128-GCM; padding
	body = append(append(body, public...), 0, 0)
	config := binary.BigEndian.AppendUint16([]byte{0xfe, 0x0d}, uint16(len(body)))
	config = append(config, body...)
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(config))), config...)
}

// accepted is what crypto/tls's server reads in a handshake message, nil if it refuses it.
func accepted(message []byte) (info *tls.ClientHelloInfo) {
	stop := errors.New("that is all")
	conn := oneWay{bytes.NewReader(inRecords(message, maxRecord))}
	_ = tls.Server(conn, &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		info = i
		return nil, stop
	}}).Handshake()
	return info
}

// oneWay is a connection whose peer has sent all it will.
type oneWay struct{ *bytes.Reader }

func (oneWay) Write(b []byte) (int, error)      { return len(b), nil }
func (oneWay) Close() error                     { return nil }
func (oneWay) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (oneWay) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (oneWay) SetDeadline(time.Time) error      { return nil }
func (oneWay) SetReadDeadline(time.Time) error  { return nil }
func (oneWay) SetWriteDeadline(time.Time) error { return nil }
