package names

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// ClientHello is what a TLS client says in the clear (RFC 8446, 4.1.2).
type ClientHello struct {
	SNI  string   // host_name, canonical as DNS names are; the outer one if Encrypted
	ALPN []string // in the client's order, without GREASE; bytes that are not printable are escaped
	// Version is the highest that is offered, as on the wire (0x0304: TLS 1.3); 0 if there is none.
	Version uint16
	// Encrypted: there is an Encrypted Client Hello (RFC 9849). SNI may then be a
	// front's name; that the extension is only GREASE cannot be told from outside, by design.
	Encrypted bool
}

// Errors of ParseClientHello.
var (
	ErrNotHello = errors.New("no ClientHello")
	ErrShort    = errors.New("ClientHello ends too early")
)

// Extensions that are read (IANA, TLS ExtensionType Values).
const (
	extServerName        = 0
	extALPN              = 16
	extSupportedVersions = 43
	extEncryptedHello    = 0xfe0d
)

const (
	helloHeader = 4  // type, length
	typeHello   = 1  // RFC 8446, 4
	maxALPN     = 16 // protocols that are kept; real lists have up to three
	hostName    = 0  // RFC 6066, 3
	// maxLegacy is what a client can offer without the extension for versions (RFC 8446, 4.2.1).
	maxLegacy = 0x0303
)

// ParseClientHello reads a handshake message, its header included. With ErrShort the
// result is what was found before the end, with ErrNotHello what was before the fault.
func ParseClientHello(message []byte) (ClientHello, error) {
	var h ClientHello
	if len(message) > 0 && message[0] != typeHello {
		return h, ErrNotHello
	}
	if len(message) < helloHeader {
		return h, ErrShort
	}
	size := helloSize(message) - helloHeader
	body := cursor{message[helloHeader:min(len(message), helloHeader+size)], size}
	return h, h.read(&body)
}

// helloSize is the length of the message by its header, which is in it.
func helloSize(message []byte) int {
	return helloHeader + int(message[1])<<16 + int(message[2])<<8 + int(message[3])
}

func (h *ClientHello) read(c *cursor) error {
	version, err := c.number(2)
	if err != nil {
		return err
	}
	if version >= 0x0300 {
		h.Version = uint16(min(version, maxLegacy))
	}
	if _, err = c.take(32); err != nil { // random
		return err
	}
	for _, prefix := range []int{1, 2, 1} { // session id, cipher suites, compression methods
		if _, err = c.vector(prefix); err != nil {
			return err
		}
	}
	if c.left == 0 {
		return nil // no extensions: TLS 1.2 and older
	}
	size, err := c.number(2)
	if err != nil {
		return err
	}
	if size > c.left {
		return ErrNotHello
	}
	extensions := cursor{c.bytes[:min(size, len(c.bytes))], size}
	for extensions.left > 0 {
		kind, err := extensions.number(2)
		if err != nil {
			return err
		}
		body, err := extensions.vector(2)
		if err != nil {
			return err
		}
		h.extension(kind, cursor{body, len(body)})
	}
	return nil
}

// extension reads one. One that cannot be read is as none.
func (h *ClientHello) extension(kind int, c cursor) {
	switch kind {
	case extServerName:
		h.serverName(c)
	case extALPN:
		h.protocols(c)
	case extSupportedVersions:
		h.versions(c)
	case extEncryptedHello:
		h.Encrypted = true
	}
}

func (h *ClientHello) serverName(c cursor) {
	list, err := c.vector(2)
	for names := (cursor{list, len(list)}); err == nil && names.left > 0 && h.SNI == ""; {
		var kind int
		if kind, err = names.number(1); err != nil {
			return
		}
		var name []byte
		if name, err = names.vector(2); err == nil && kind == hostName && len(name) > 0 && len(name) <= 255 {
			var text [128]byte
			h.SNI = string(appendName(text[:0], name))
		}
	}
}

func (h *ClientHello) protocols(c cursor) {
	list, err := c.vector(2)
	for protocols := (cursor{list, len(list)}); err == nil && protocols.left > 0 && len(h.ALPN) < maxALPN; {
		var protocol []byte
		if protocol, err = protocols.vector(1); err != nil || len(protocol) == 0 || isGREASE(protocol) {
			continue
		}
		var buffer [64]byte
		text := buffer[:0]
		for _, b := range protocol {
			text = appendPrintable(text, b)
		}
		h.ALPN = append(h.ALPN, string(text))
	}
}

func (h *ClientHello) versions(c cursor) {
	list, err := c.vector(1)
	if err != nil {
		return
	}
	highest := uint16(0)
	for ; len(list) >= 2; list = list[2:] {
		if v := binary.BigEndian.Uint16(list); v>>8 == 3 {
			highest = max(highest, v)
		}
	}
	if highest != 0 {
		h.Version = highest
	}
}

// isGREASE: values that clients send to keep servers tolerant (RFC 8701, 2).
func isGREASE(b []byte) bool { return len(b) == 2 && b[0] == b[1] && b[0]&0xf == 0xa }

// TLSVersion is the value of tls.protocol.version, as 1.3; empty if there is none such.
func TLSVersion(version uint16) string {
	switch {
	case version == 0x0300:
		return "3.0" // SSL
	case version > 0x0300 && version <= 0x0304:
		return "1." + strconv.Itoa(int(version)-0x0301)
	}
	return ""
}

// cursor reads a structure of which left bytes are to come, and only bytes are there.
type cursor struct {
	bytes []byte
	left  int
}

// take returns the next n bytes.
func (c *cursor) take(n int) ([]byte, error) {
	switch {
	case n > c.left:
		return nil, ErrNotHello
	case n > len(c.bytes):
		return nil, ErrShort
	}
	b := c.bytes[:n]
	c.bytes, c.left = c.bytes[n:], c.left-n
	return b, nil
}

// number reads n bytes, big endian.
func (c *cursor) number(n int) (v int, err error) {
	b, err := c.take(n)
	for _, x := range b {
		v = v<<8 | int(x)
	}
	return v, err
}

// vector reads a vector with a length of n bytes before it (RFC 8446, 3.4).
func (c *cursor) vector(n int) ([]byte, error) {
	size, err := c.number(n)
	if err != nil {
		return nil, err
	}
	return c.take(size)
}
