package endpoint

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name   string
		config Config
		want   string
	}{
		{"nothing", nil, ""},
		{"ranges of both versions", Config{"office": {"198.18.0.0/24", "fd00::/8"}, "all": {"0.0.0.0/0", "::/0"}}, ""},
		{"a host", Config{"resolver": {"198.18.0.1/32"}}, ""},
		{"host bits are left out", Config{"office": {"198.18.0.1/24"}}, ""},
		{"one range in another", Config{"office": {"198.18.0.0/16"}, "floor": {"198.18.1.0/24"}}, ""},
		{"no name", Config{"": {"198.18.0.0/24"}}, "a range needs a name"},
		{"no range", Config{"office": {}}, "office: names no range"},
		{"an address", Config{"office": {"198.18.0.1"}},
			`office: "198.18.0.1" is no range such as 192.0.2.0/24 or 2001:db8::/32`},
		{"IPv4 written as IPv6 would match nothing", Config{"office": {"::ffff:198.18.0.0/112"}},
			`office: "::ffff:198.18.0.0/112" is no range such as 192.0.2.0/24 or 2001:db8::/32`},
		{"two names", Config{"office": {"198.18.0.0/24"}, "lab": {"198.18.0.9/24"}},
			"office: 198.18.0.0/24 has a name already: lab"},
		{"all at once, in order", Config{"b": {"x"}, "a": {"198.18.0.0/33", "y"}, "c": nil},
			`a: "198.18.0.0/33" is no range such as 192.0.2.0/24 or 2001:db8::/32; ` +
				`a: "y" is no range such as 192.0.2.0/24 or 2001:db8::/32; ` +
				`b: "x" is no range such as 192.0.2.0/24 or 2001:db8::/32; ` +
				"c: names no range"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.config.Validate()
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
		})
	}
}
