package names

import "unsafe"

// appendName appends a name in the form that this package compares and hands
// out: ASCII in lower case without the dot at the end, the root as ".". Bytes that
// are not printable are escaped as in zone files (RFC 1035, 5.1), so that it is valid UTF-8.
func appendName(dst, name []byte) []byte {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if len(name) == 0 {
		return append(dst, '.')
	}
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = appendPrintable(dst, c)
	}
	return dst
}

func appendPrintable(dst []byte, c byte) []byte {
	switch {
	case c == '\\':
		return append(dst, '\\', '\\')
	case c > ' ' && c < 0x7f:
		return append(dst, c)
	default:
		return append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	}
}

// view is b as a string without a copy. It lasts as long as b is not written.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
