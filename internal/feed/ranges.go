package feed

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// The widest ranges that a list may name: one network of the Internet's early days,
// and the largest that is given to one organisation.
const (
	widest4 = 8
	widest6 = 16
)

// notPublic are the ranges that are not of the Internet, from IANA's registries of
// special-purpose addresses, but for 198.18.0.0/15: laboratories use it.
func notPublic() *bart.Lite {
	ranges := new(bart.Lite)
	for _, r := range []string{
		"0.0.0.0/8",       // this network, RFC 791
		"10.0.0.0/8",      // private, RFC 1918
		"100.64.0.0/10",   // shared by carriers, RFC 6598
		"127.0.0.0/8",     // loopback, RFC 1122
		"169.254.0.0/16",  // link-local, RFC 3927
		"172.16.0.0/12",   // private
		"192.0.0.0/24",    // protocol assignments, RFC 6890
		"192.0.2.0/24",    // documentation, RFC 5737
		"192.168.0.0/16",  // private
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/3",     // multicast, RFC 1112; reserved; broadcast
		"::/127",          // unspecified and loopback, RFC 4291
		"100::/64",        // discard, RFC 6666
		"2001:db8::/32",   // documentation, RFC 3849
		"3fff::/20",       // documentation, RFC 9637
		"fc00::/7",        // private, RFC 4193
		"fe80::/10",       // link-local
		"ff00::/8",        // multicast
	} {
		ranges.Insert(netip.MustParsePrefix(r))
	}
	return ranges
}

// parsePrefix reads an address or a range; an address is a range of one. IPv4
// mapped into IPv6 becomes IPv4.
func parsePrefix(text string) (netip.Prefix, bool) {
	for i := range len(text) {
		if text[i] == '/' {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				return netip.Prefix{}, false
			}
			if p.Addr().Is4In6() && p.Bits() >= 96 {
				p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
			}
			return p.Masked(), true
		}
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

func tooWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < widest4
	}
	return p.Bits() < widest6
}
