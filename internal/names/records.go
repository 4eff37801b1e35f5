package names

import (
	"encoding/binary"
	"errors"
)

const (
	maxHello      = 16 << 10 // of a ClientHello that is kept; real ones stay below 8 KiB
	recordHeader  = 5        // type, version, length (RFC 8446, 5.1)
	typeHandshake = 22
	maxRecord     = 1 << 14
)

var errTooLong = errors.New("ClientHello is too long")

// records takes the handshake message out of TLS records, in which it may be in pieces.
type records struct {
	header  []byte // of the record that begins
	left    int    // bytes that are left of the record
	message []byte
}

// feed takes what follows in the stream. whole: the message is complete. After an
// error it must not be called again.
func (r *records) feed(b []byte) (whole bool, err error) {
	for len(b) > 0 {
		if r.left == 0 {
			n := min(recordHeader-len(r.header), len(b))
			r.header = append(r.header, b[:n]...)
			b = b[n:]
			if err := r.begin(); err != nil {
				return false, err
			}
			continue
		}
		n := min(r.left, len(b), maxHello-len(r.message))
		r.message = append(r.message, b[:n]...)
		r.left -= n
		b = b[n:]
		switch {
		case r.message[0] != typeHello:
			return false, ErrNotHello
		case len(r.message) >= helloHeader && len(r.message) >= helloSize(r.message):
			return true, nil
		case len(r.message) == maxHello:
			return false, errTooLong
		}
	}
	return false, nil
}

// begin judges as much as there is of a record's header.
func (r *records) begin() error {
	h := r.header
	if h[0] != typeHandshake || len(h) > 1 && h[1] != 3 {
		return ErrNotHello
	}
	if len(h) < recordHeader {
		return nil
	}
	r.left = int(binary.BigEndian.Uint16(h[3:]))
	r.header = h[:0]
	if r.left == 0 || r.left > maxRecord {
		return ErrNotHello
	}
	return nil
}

// reset keeps the memory.
func (r *records) reset() {
	*r = records{header: r.header[:0], message: r.message[:0]}
}
