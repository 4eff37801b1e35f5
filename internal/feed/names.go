package feed

import (
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Bounds of RFC 1035, section 2.3.4, for names as text without the last dot.
const (
	maxName   = 253
	maxLabel  = 63
	maxLabels = 127
)

// canonicalName brings a name to the form of the tables: lower case, ASCII, no dot
// at the end. It takes what the DNS carries: letters, digits, hyphen, underscore.
func canonicalName(text string) (string, bool) {
	text = strings.TrimSuffix(text, ".")
	for i := range len(text) {
		if text[i] >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(text)
			return ascii, err == nil && validName(ascii)
		}
	}
	text = strings.ToLower(text)
	return text, validName(text)
}

func validName(name string) bool {
	if len(name) > maxName {
		return false
	}
	label, letters := 0, false
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if label == 0 {
				return false
			}
			label, letters = 0, false
			continue
		case c >= 'a' && c <= 'z', c == '-', c == '_':
			letters = true
		case c >= '0' && c <= '9':
		default:
			return false
		}
		if label++; label > maxLabel {
			return false
		}
	}
	return label > 0 && letters // the last label of an address has none
}

// suffixRule tells what a name may stand for: nothing if it is a public suffix,
// only itself if those below it belong to others.
func suffixRule(name string) (refused, onlyItself bool) {
	suffix, icann := publicsuffix.PublicSuffix(name)
	if suffix != name {
		return false, false
	}
	if icann || strings.IndexByte(name, '.') < 0 {
		return true, false
	}
	return false, true
}

// lower writes the name as the tables have it into buf and counts its labels; it
// is empty if no entry can match it.
func lower(buf *[maxName]byte, name string) (ascii []byte, labels int) {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if len(name) > maxName || name == "" {
		return nil, 0
	}
	labels = 1
	for i := range len(name) {
		c := name[i]
		if c == '.' {
			labels++
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(name)], labels
}
