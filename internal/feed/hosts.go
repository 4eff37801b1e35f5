package feed

import (
	"bufio"
	"bytes"
	"net/netip"
	"strings"
)

// parseHosts reads hosts(5). The names that are sent nowhere are the bad ones;
// every other line is of the host itself.
func parseHosts(r *bufio.Reader, b *builder) error {
	return eachLine(r, b, func(n int, line []byte) {
		if i := bytes.IndexByte(line, '#'); i >= 0 {
			line = line[:i]
		}
		field, rest := cutField(line)
		if len(field) == 0 {
			return
		}
		a, err := netip.ParseAddr(string(field))
		switch {
		case err != nil || len(rest) == 0:
			b.refuse(n, string(line), Malformed)
			return
		case !sinkhole(a):
			b.refuse(n, string(line), Irrelevant)
			return
		}
		for field, rest = cutField(rest); len(field) > 0; field, rest = cutField(rest) {
			if name := string(field); ownName(name) {
				b.refuse(n, name, Irrelevant)
			} else {
				b.name(n, name, tag{})
			}
		}
	})
}

// sinkhole tells whether a hosts file sends bad names there.
func sinkhole(a netip.Addr) bool { return a.IsUnspecified() || a.IsLoopback() }

// ownName tells whether a hosts file says it of the host itself: localhost,
// localhost.localdomain, ip6-loopback, and 0.0.0.0.
func ownName(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil || strings.IndexByte(name, '.') < 0 || strings.HasSuffix(name, ".localdomain")
}
