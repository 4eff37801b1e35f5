package feed

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatterns(t *testing.T) {
	type is = []comparison
	for text, want := range map[string]is{
		`[ipv4-addr:value = '198.18.0.1']`:                             {{"ipv4-addr:value", "198.18.0.1"}},
		`[ipv4-addr:value='198.18.0.1']`:                               {{"ipv4-addr:value", "198.18.0.1"}},
		`[ipv4-addr:value ISSUBSET '198.18.0.0/15']`:                   {{"ipv4-addr:value", "198.18.0.0/15"}},
		` [ ( domain-name:value = 'a.b' ) OR url:value = 'http://x' ]`: {{"domain-name:value", "a.b"}, {"url:value", "http://x"}},
		`([a:v = '1'] OR [b:v = '2']) OR [c:v = '3']`:                  {{"a:v", "1"}, {"b:v", "2"}, {"c:v", "3"}},
		`[domain-name:value IN ('a.b', 'c.d')]`:                        {{"domain-name:value", "a.b"}, {"domain-name:value", "c.d"}},
		`[a:v = 'it\'s \\ fine']`:                                      {{"a:v", `it's \ fine`}},
		`[file:hashes.'SHA 256' = 'ab']`:                               {{"file:hashes.'SHA 256'", "ab"}},
		`[a:refs[*].value = 'x']`:                                      {{"a:refs[*].value", "x"}},
		`[a:v = ' AND ']`:                                              {{"a:v", " AND "}},
	} {
		got, why := parsePattern(text)
		require.Equal(t, accepted, why, text)
		require.Equal(t, want, is(got), text)
	}
}

func TestPatternsThatAskForMore(t *testing.T) {
	for text, want := range map[string]Reason{
		`[ipv4-addr:value = '198.18.0.1' AND network-traffic:dst_port = 443]`: Irrelevant,
		`[domain-name:value = 'a.b'] AND [ipv4-addr:value = '198.18.0.1']`:    Irrelevant,
		`[a:v = '1'] FOLLOWEDBY [b:v = '2']`:                                  Irrelevant,
		`[a:v = '1'] WITHIN 5 SECONDS`:                                        Irrelevant,
		`[a:v NOT = '1']`:                                                     Irrelevant,
		`[a:v != '1']`:                                                        Irrelevant,
		`[a:v LIKE '%.evil']`:                                                 Irrelevant,
		`[a:v MATCHES '^x']`:                                                  Irrelevant,
		`[a:v = 443]`:                                                         Irrelevant,
		`[a:v IN (1, 2)]`:                                                     Irrelevant,
		``:                                                                    Malformed,
		`[]`:                                                                  Malformed,
		`[a:v = '1'`:                                                          Malformed,
		`[a:v]`:                                                               Irrelevant,
		`[a:v = '1' b:v = '2']`:                                               Malformed,
		`[a:v`:                                                                Malformed,
		`[a:v = '1`:                                                           Irrelevant,
		`[a:v = '1\`:                                                          Irrelevant,
		`[a:v IN '1']`:                                                        Malformed,
		`[a:v IN ('1' '2')]`:                                                  Malformed,
		`'x'`:                                                                 Malformed,
	} {
		got, why := parsePattern(text)
		require.Equal(t, want, why, text)
		require.Empty(t, got, text)
	}
}
