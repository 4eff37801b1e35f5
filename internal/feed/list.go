package feed

import (
	"bufio"
	"bytes"
	"net/url"
	"strings"
)

// parseList reads an address, a range, a name or a URL from each line; all may
// stand in one list.
func parseList(r *bufio.Reader, b *builder) error {
	return eachLine(r, b, func(n int, line []byte) {
		if text := listEntry(line); text != "" {
			parseIndicator(b, n, text)
		}
	})
}

// listEntry is what stands on the line besides comments: one that takes the line,
// or one that white space sets off. Adblock's element rules (name##element) thus
// stay whole, and are refused.
func listEntry(line []byte) string {
	switch {
	case strings.IndexByte("#;!", line[0]) >= 0, bytes.HasPrefix(line, []byte("//")):
		return ""
	case line[0] == '[' && line[len(line)-1] == ']': // [Adblock Plus 2.0]
		return ""
	}
	field, rest := cutField(line)
	if len(rest) > 0 && rest[0] != '#' && rest[0] != ';' && !bytes.HasPrefix(rest, []byte("//")) {
		return string(line)
	}
	return string(field)
}

func parseIndicator(b *builder, at int, text string) {
	switch {
	case strings.Contains(text, "://"):
		parseURL(b, at, text, tag{})
	case strings.HasPrefix(text, "||"):
		name, whole := strings.CutSuffix(text[2:], "^")
		if !whole { // a rule for some requests, not a name
			b.refuse(at, text, Irrelevant)
			return
		}
		b.name(at, name, tag{})
	case strings.HasPrefix(text, "@@"):
		b.refuse(at, text, Irrelevant)
	case mayBeAddress(text) && b.address(at, text, tag{}):
	default:
		b.name(at, withoutWildcard(text), tag{})
	}
}

// withoutWildcard is the name that *.name and .name mean.
func withoutWildcard(text string) string {
	return strings.TrimPrefix(strings.TrimPrefix(text, "*."), ".")
}

func mayBeAddress(text string) bool {
	return text[0] >= '0' && text[0] <= '9' || strings.IndexByte(text, ':') >= 0
}

// parseURL takes the host of a URL.
func parseURL(b *builder, at int, text string, t tag) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		b.refuse(at, text, Malformed)
		return
	}
	t.url = true
	if host := u.Hostname(); !mayBeAddress(host) || !b.address(at, host, t) {
		b.name(at, host, t)
	}
}
