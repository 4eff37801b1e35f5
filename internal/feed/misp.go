package feed

import (
	"bufio"
	"strings"
)

// parseMISP reads a MISP warning list. Its type may stand behind its entries and
// says what they are: addresses, whole names (string), names and all below them
// (hostname); substrings and expressions are not looked for.
func parseMISP(r *bufio.Reader, b *builder) error {
	d := newDocument(r)
	matching := "string"
	err := d.each(func(key string) error {
		switch key {
		case "list":
			return d.elements(func(n int) error {
				var text string
				if err := d.Decode(&text); mistyped(err) {
					b.refuse(n, "", Malformed)
				} else if err != nil {
					return err
				} else {
					parseWarning(b, n, text)
				}
				return nil
			})
		case "type":
			if err := d.Decode(&matching); err != nil && !mistyped(err) {
				return err
			}
			return nil
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	switch matching {
	case "string":
		b.onlyWholeNames()
	case "cidr":
		b.dropNames()
	case "substring", "regex":
		b.dropAll()
	}
	return nil
}

func parseWarning(b *builder, n int, text string) {
	switch {
	case text == "":
		b.refuse(n, text, Malformed)
	case mayBeAddress(text) && b.address(n, text, tag{}):
	case strings.IndexByte(text, '.') < 0: // the hash of a file, a word
		b.refuse(n, text, Irrelevant)
	default:
		b.name(n, withoutWildcard(text), tag{})
	}
}
