package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
)

// Format is how a list is written.
type Format string

// The formats. Auto recognises one of the others by the content.
const (
	Auto     Format = "auto"
	List     Format = "list"     // an address, a range, a name or a URL on each line; netset; adblock's ||name^
	Hosts    Format = "hosts"    // hosts(5), bad names at 0.0.0.0, 127.0.0.1, :: or ::1
	Feodo    Format = "feodo"    // Feodo Tracker's CSV
	Spamhaus Format = "spamhaus" // Spamhaus DROP, an object on each line
	STIX     Format = "stix"     // STIX 2.1 bundle: indicators by equality
	MISP     Format = "misp"     // MISP warning list
)

func formats() []Format { return []Format{Auto, List, Hosts, Feodo, Spamhaus, STIX, MISP} }

var (
	errEmpty   = errors.New("has no entries")
	errBinary  = errors.New("is binary")
	errMarkup  = errors.New("is HTML or XML")
	errUnknown = errors.New("is JSON of no known format")
)

// headSize is how much of the content is looked at to recognise its format.
const headSize = 64 << 10

// recognise tells the format by the beginning of the content, without a byte
// order mark. The errors say what the content is.
func recognise(head []byte) (Format, error) {
	if err := refuseAnyway(head); err != nil {
		return "", err
	}
	head = bytes.TrimSpace(head)
	switch head[0] {
	case '<':
		return "", errMarkup
	case '{':
		return recogniseJSON(head)
	case '[':
		if next := bytes.TrimSpace(head[1:]); len(next) > 0 && (next[0] == '{' || next[0] == '"') {
			return "", errUnknown
		}
	}
	return recogniseText(head), nil
}

// refuseAnyway is what no format can be.
func refuseAnyway(head []byte) error {
	if bytes.IndexByte(head, 0) >= 0 {
		return errBinary
	}
	if len(bytes.TrimSpace(head)) == 0 {
		return errEmpty
	}
	return nil
}

func recogniseText(head []byte) Format {
	for line := range bytes.Lines(head) {
		if isFeodoHeader(line) {
			return Feodo
		}
		addr, rest := cutField(bytes.TrimSpace(line))
		if a, err := netip.ParseAddr(string(addr)); err == nil && sinkhole(a) && len(rest) > 0 && rest[0] != '#' && rest[0] != ';' {
			return Hosts
		}
	}
	return List
}

// recogniseJSON looks for the first telling key of the first object.
func recogniseJSON(head []byte) (Format, error) {
	d := json.NewDecoder(bytes.NewReader(head))
	if _, err := d.Token(); err != nil { // the brace
		return "", fmt.Errorf("%w: %w", errUnknown, err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			break
		}
		switch key {
		case "objects":
			return STIX, nil
		case "list":
			return MISP, nil
		case "cidr":
			return Spamhaus, nil
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			break
		}
		switch string(value) {
		case `"bundle"`:
			return STIX, nil
		case `"metadata"`:
			return Spamhaus, nil
		}
	}
	return "", errUnknown
}
