package names

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Versions of QUIC whose Initial packets can be opened (RFC 9000, RFC 9369).
const (
	quicV1 = 0x00000001
	quicV2 = 0x6b3343cf
)

const (
	maxConnectionID = 20 // bytes (RFC 9000, 17.2)
	maxCoalesced    = 4  // packets that are looked at in a datagram
	sampleLength    = 16 // for header protection (RFC 9001, 5.4.2)
	tagLength       = 16 // of AEAD_AES_128_GCM
)

var errUndecrypted = errors.New("not encrypted as a client's Initial")

// keys protect a client's Initial packets. They follow from the packet itself
// (RFC 9001, 5.2): this hides nothing from anybody on the path.
type keys struct {
	packet, header cipher.Block
	aead           cipher.AEAD
	iv             []byte
}

// derive makes the keys for the connection id that a client addresses first.
func derive(version uint32, id []byte) (k keys, err error) {
	salt, label := saltV1, "quic "
	if version == quicV2 {
		salt, label = saltV2, "quicv2 "
	}
	secret, err := hkdf.Extract(sha256.New, id, []byte(salt))
	if err != nil {
		return k, fmt.Errorf("derive QUIC keys: %w", err)
	}
	expand := func(secret []byte, label string, length int) []byte {
		info := []byte{0, byte(length), byte(len("tls13 ") + len(label))} // HkdfLabel (RFC 8446, 7.1)
		info = append(append(append(info, "tls13 "...), label...), 0)
		out, e := hkdf.Expand(sha256.New, secret, string(info), length)
		err = errors.Join(err, e)
		return out
	}
	client := expand(secret, "client in", 32)
	key, header := expand(client, label+"key", 16), expand(client, label+"hp", 16)
	k.iv = expand(client, label+"iv", 12)
	if err == nil {
		k.packet, err = aes.NewCipher(key)
	}
	if err == nil {
		k.header, err = aes.NewCipher(header)
	}
	if err == nil {
		k.aead, err = cipher.NewGCM(k.packet)
	}
	if err != nil {
		return keys{}, fmt.Errorf("derive QUIC keys: %w", err)
	}
	return k, nil
}

const (
	saltV1 = "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a" // RFC 9001, 5.2
	saltV2 = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9" // RFC 9369, 3.3.1
)

// opener decrypts Initial packets. It keeps its memory.
type opener struct{ head, plain []byte }

// open adds the CRYPTO frames of the Initial packets in a datagram, of which b is the
// beginning and length the size. It tries k if there is one, and leaves the keys that
// fit there. ErrNotHello: it is no QUIC that is known.
func (o *opener) open(b []byte, length int, k *keys, to *scattered) (err error) {
	err = ErrNotHello
	for range maxCoalesced {
		p, e := longPacket(b, length)
		if e != nil {
			return err
		}
		if p.initial {
			if err = o.packet(&p, k, to); err != nil {
				return err
			}
		}
		if p.size >= len(b) {
			return err
		}
		b, length = b[p.size:], length-p.size
	}
	return err
}

// packet opens one Initial packet.
func (o *opener) packet(p *long, k *keys, to *scattered) error {
	if k.aead != nil {
		if plain, ok := o.decrypt(p, k); ok {
			return frames(plain, to)
		}
	}
	derived, err := derive(p.version, p.destination)
	if err != nil {
		return err
	}
	plain, ok := o.decrypt(p, &derived)
	if !ok {
		return errUndecrypted
	}
	*k = derived
	return frames(plain, to)
}

// decrypt removes the protection of header and payload. Of a packet that was sampled in
// part the tag cannot be checked; frames tells then whether it makes sense.
func (o *opener) decrypt(p *long, k *keys) ([]byte, bool) {
	at := p.number
	if len(p.bytes) < at+4+sampleLength {
		return nil, false
	}
	var mask [sampleLength]byte
	k.header.Encrypt(mask[:], p.bytes[at+4:at+4+sampleLength])
	first := p.bytes[0] ^ mask[0]&0x0f
	n := int(first&3) + 1
	o.head = append(o.head[:0], p.bytes[:at+n]...)
	o.head[0] = first
	var nonce [16]byte // of which GCM takes 12
	copy(nonce[:], k.iv)
	for i := range n {
		o.head[at+i] ^= mask[1+i]
		nonce[12-n+i] ^= o.head[at+i]
	}
	sealed := p.bytes[at+n:]
	if len(p.bytes) == p.size {
		var err error
		o.plain, err = k.aead.Open(o.plain[:0], nonce[:12], sealed, o.head)
		return o.plain, err == nil
	}
	sealed = sealed[:min(len(sealed), max(p.size-at-n-tagLength, 0))]
	nonce[15] = 2 // GCM's first block of text
	o.plain = append(o.plain[:0], sealed...)
	cipher.NewCTR(k.packet, nonce[:]).XORKeyStream(o.plain, o.plain)
	return o.plain, true
}

// long is a packet with a long header (RFC 9000, 17.2).
type long struct {
	bytes       []byte // as much of it as there is
	size        int    // of it in the datagram
	initial     bool
	version     uint32
	destination []byte // connection id
	number      int    // offset of the packet number
}

func longPacket(b []byte, length int) (p long, err error) {
	c := cursor{b, length}
	first, err := c.number(1)
	if err != nil || first&0x80 == 0 {
		return p, ErrNotHello
	}
	version, err := c.number(4)
	p.version = uint32(version)
	kind := first >> 4 & 3
	if p.version == quicV2 {
		kind = (kind + 3) & 3 // RFC 9369, 3.2: one higher
	}
	if err != nil || p.version != quicV1 && p.version != quicV2 || kind == 3 { // Retry
		return p, ErrNotHello
	}
	if p.destination, err = c.vector(1); err != nil || len(p.destination) > maxConnectionID {
		return p, ErrNotHello
	}
	if source, err := c.vector(1); err != nil || len(source) > maxConnectionID {
		return p, ErrNotHello
	}
	if p.initial = kind == 0; p.initial {
		token, err := c.varint()
		if err == nil {
			_, err = c.take(token)
		}
		if err != nil {
			return p, err
		}
	}
	size, err := c.varint()
	if err != nil || size > c.left {
		return p, ErrNotHello
	}
	p.number = length - c.left
	p.size = p.number + size
	p.bytes = b[:min(p.size, len(b))]
	return p, nil
}

// frames adds the CRYPTO frames of an Initial packet (RFC 9000, 12.4: others than
// these are not allowed in it).
func frames(b []byte, to *scattered) error {
	c := cursor{b, len(b)}
	for len(c.bytes) > 0 {
		kind, err := c.varint()
		switch kind {
		case 0x00, 0x01: // PADDING, PING
		case 0x02, 0x03: // ACK
			err = c.acknowledgement(kind == 0x03)
		case 0x06: // CRYPTO
			err = c.crypto(to)
		case 0x1c: // CONNECTION_CLOSE
			return nil
		default:
			return errUndecrypted
		}
		if err != nil {
			return nil // the sample ends here
		}
	}
	return nil
}

func (c *cursor) crypto(to *scattered) error {
	offset, err := c.varint()
	if err != nil {
		return err
	}
	size, err := c.varint()
	if err != nil {
		return err
	}
	n := min(size, len(c.bytes))
	if offset > maxHello {
		to.full = true
	} else if n > 0 {
		to.add(offset, c.bytes[:n])
	}
	_, err = c.take(size)
	return err
}

// acknowledgement passes an ACK frame (RFC 9000, 19.3).
func (c *cursor) acknowledgement(ecn bool) error {
	var ranges int
	for i := range 4 { // largest, delay, number of further ranges, first range
		v, err := c.varint()
		if err != nil {
			return err
		}
		if i == 2 {
			ranges = v
		}
	}
	numbers := 2 * min(ranges, len(c.bytes))
	if ecn {
		numbers += 3
	}
	for range numbers {
		if _, err := c.varint(); err != nil {
			return err
		}
	}
	return nil
}

// varint reads a variable-length integer (RFC 9000, 16); what does not fit into an
// int is no length of anything.
func (c *cursor) varint() (int, error) {
	if len(c.bytes) == 0 {
		_, err := c.take(1)
		return 0, err
	}
	b, err := c.take(1 << (c.bytes[0] >> 6))
	if err != nil {
		return 0, err
	}
	var v [8]byte
	copy(v[8-len(b):], b)
	v[8-len(b)] &= 0x3f
	n := binary.BigEndian.Uint64(v[:])
	return int(min(n, 1<<31-1)), nil
}
