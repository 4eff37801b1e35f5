package feed

import (
	"bufio"
	"slices"
	"time"
)

// indicator is what is read of a STIX 2.1 object, section 4.7 of the specification.
type indicator struct {
	Type        string   `json:"type"`
	Name        string   `json:"name"`
	Pattern     string   `json:"pattern"`
	PatternType string   `json:"pattern_type"`
	Types       []string `json:"indicator_types"`
	ValidUntil  string   `json:"valid_until"` // RFC 3339, as is Modified
	Modified    string   `json:"modified"`
	Revoked     bool     `json:"revoked"`
}

// parseSTIX reads the indicators of a bundle. Observed data is no indicator.
func parseSTIX(r *bufio.Reader, b *builder) error {
	d := newDocument(r)
	return d.each(func(key string) error {
		if key != "objects" {
			return d.skip()
		}
		return d.elements(func(n int) error {
			var i indicator
			switch err := d.Decode(&i); {
			case mistyped(err):
				if i.Type == "indicator" || i.Type == "" {
					b.refuse(n, i.Pattern, Malformed)
				}
			case err != nil:
				return err
			case i.Type == "indicator":
				i.take(n, b)
			}
			return nil
		})
	})
}

func (i *indicator) take(n int, b *builder) {
	if i.Revoked || slices.Contains(i.Types, "benign") || i.PatternType != "" && i.PatternType != "stix" {
		b.refuse(n, i.Pattern, Irrelevant)
		return
	}
	comparisons, why := parsePattern(i.Pattern)
	if why != accepted {
		b.refuse(n, i.Pattern, why)
		return
	}
	t := tag{note: note(i.Name)}
	if modified, err := time.Parse(time.RFC3339, i.Modified); err == nil {
		t.until = b.ageFrom(modified)
	}
	if i.ValidUntil != "" {
		until, err := time.Parse(time.RFC3339, i.ValidUntil)
		if err != nil {
			b.refuse(n, i.ValidUntil, Malformed)
			return
		}
		t.until = earlier(t.until, max(1, until.Unix()))
	}
	for _, c := range comparisons {
		switch c.path {
		case "ipv4-addr:value", "ipv6-addr:value":
			if !b.address(n, c.value, t) {
				b.refuse(n, c.value, Malformed)
			}
		case "domain-name:value":
			b.name(n, c.value, t)
		case "url:value":
			parseURL(b, n, c.value, t)
		default:
			b.refuse(n, i.Pattern, Irrelevant)
		}
	}
}
