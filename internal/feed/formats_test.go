package feed

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// formatCase is a list in one format, and what it says.
type formatCase struct {
	name    string
	content []string
	format  Format            // as recognised
	hits    map[string]string // what is asked: kind and entry that it meets
	misses  []string
	refused map[Reason]int
}

func (c formatCase) check(t *testing.T, how func(Format) reading) {
	content := strings.Join(c.content, "\n")
	for _, format := range []Format{Auto, c.format} {
		set := how(format).mustParse(t, content)
		require.Equal(t, c.format, set.format)
		s := snapshotOf(set)
		for what, want := range c.hits {
			require.Equal(t, want, matched(s, what), what)
		}
		for _, what := range c.misses {
			require.Empty(t, matched(s, what), what)
		}
		for _, why := range Reasons() {
			require.Equal(t, c.refused[why], set.refused.Count[why], why.String())
		}
	}
}

func TestFormats(t *testing.T) {
	for _, cases := range [][]formatCase{listCases(), hostsCases(), csvCases(), jsonLineCases(), stixCases()} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { c.check(t, readingOf) })
		}
	}
}

func listCases() []formatCase {
	return []formatCase{{
		name:    "addresses with comments of all kinds",
		content: []string{"# head", "; head", "! head", "// head", "", "198.18.0.1", "  198.18.0.2\t# why", "198.18.0.3 ; SBL1\r", "fd00::1 // why"},
		format:  List,
		hits:    map[string]string{"198.18.0.1": "address 198.18.0.1", "198.18.0.2": "address 198.18.0.2", "198.18.0.3": "address 198.18.0.3"},
		misses:  []string{"198.18.0.4", "fd00::1"},
		refused: map[Reason]int{NotPublic: 1},
	}, {
		name:    "the most specific range, and host bits do not matter",
		content: []string{"198.18.0.0/15", "198.18.7.9/24", "2a00:1234::1/32", "2a00:1234:5::/48", "::ffff:198.19.5.5", "::ffff:17.1.0.0/112"},
		format:  List,
		hits: map[string]string{
			"198.18.1.1": "range 198.18.0.0/15", "198.18.7.1": "range 198.18.7.0/24", "::ffff:198.18.7.1": "range 198.18.7.0/24",
			"2a00:1234::9": "range 2a00:1234::/32", "2a00:1234:5::9": "range 2a00:1234:5::/48", "2a00:1234:5::9%eth0": "range 2a00:1234:5::/48",
			"198.19.5.5": "address 198.19.5.5", "17.1.200.3": "range 17.1.0.0/16",
		},
		misses: []string{"198.20.0.0", "2a00:1235::", "17.2.0.0"},
	}, {
		name:    "names stand for what is below them, however they are written",
		content: []string{"evil.example", "*.wild.example", ".dot.example", "||block.example^", "Upper.Example.", "bücher.example", "under_score.example"},
		format:  List,
		hits: map[string]string{
			"evil.example": "domain evil.example", "a.b.EVIL.example.": "domain evil.example", "wild.example": "domain wild.example",
			"x.dot.example": "domain dot.example", "x.block.example": "domain block.example", "upper.example": "domain upper.example",
			"xn--bcher-kva.example": "domain xn--bcher-kva.example", "a.under_score.example": "domain under_score.example",
		},
		misses: []string{"notevil.example", "example", "evil.example.com", "", ".", strings.Repeat("a", 300) + ".evil.example"},
	}, {
		name:    "addresses, names and URLs in one list",
		content: []string{"198.18.0.1", "evil.example", "http://files.example:8080/a.exe?b=c", "https://198.18.9.9/x", "3com.example"},
		format:  List,
		hits: map[string]string{
			"198.18.0.1": "address 198.18.0.1", "evil.example": "domain evil.example",
			"files.example": "url files.example", "198.18.9.9": "url 198.18.9.9", "3com.example": "domain 3com.example",
		},
		misses: []string{"a.files.example"},
	}, {
		name: "lines that make no sense, and rules that name nothing",
		content: []string{"good.example", "198.18.0.256", "198.18.0.1/33", "1.2.3", "two words", "a..example", "-", strings.Repeat("x", 64) + ".example",
			"site.example##.advert", "||part.example^$script", "@@||fine.example^", "[Adblock Plus 2.0]", "fe80::1%eth0", "http://"},
		format:  List,
		hits:    map[string]string{"good.example": "domain good.example"},
		misses:  []string{"site.example", "part.example", "fine.example"},
		refused: map[Reason]int{Malformed: 9, Irrelevant: 2, PublicSuffix: 1},
	}, {
		name:    "what is too wide or not of the Internet",
		content: []string{"0.0.0.0/0", "128.0.0.0/7", "::/0", "2000::/3", "224.0.0.0/3", "10.0.0.0/8", "192.168.7.7", "127.0.0.1", "100.64.1.0/24", "fc00::/7", "8.0.0.0/8", "2a00::/16"},
		format:  List,
		hits:    map[string]string{"8.1.1.1": "range 8.0.0.0/8", "2a00:77::": "range 2a00::/16"},
		misses:  []string{"10.1.1.1", "1.1.1.1", "128.1.1.1", "224.0.0.1", "2001::1"},
		refused: map[Reason]int{TooWide: 4, NotPublic: 6},
	}, {
		name:    "public suffixes are refused, shared hosting stands for itself",
		content: []string{"com", "co.uk", "*.co.uk", "localhost", "github.io", "||duckdns.org^", "bad.github.io"},
		format:  List,
		hits:    map[string]string{"github.io": "domain github.io", "duckdns.org": "domain duckdns.org", "www.bad.github.io": "domain bad.github.io"},
		misses:  []string{"a.com", "x.co.uk", "good.github.io", "mine.duckdns.org"},
		refused: map[Reason]int{PublicSuffix: 4},
	}}
}

func hostsCases() []formatCase {
	return []formatCase{{
		name: "a hosts file",
		content: []string{"# title", "127.0.0.1 localhost localhost.localdomain", "::1 ip6-localhost", "255.255.255.255 broadcasthost",
			"fe80::1%lo0 localhost", "0.0.0.0 0.0.0.0", "0.0.0.0 ads.example  tracker.example # why", "127.0.0.1\tlocal-sink.example#x", ":: six.example",
			"198.18.0.1 server.example", "nonsense", "0.0.0.0"},
		format: Hosts,
		hits: map[string]string{
			"ads.example": "domain ads.example", "a.tracker.example": "domain tracker.example",
			"local-sink.example": "domain local-sink.example", "six.example": "domain six.example",
		},
		misses:  []string{"server.example", "198.18.0.1", "localhost", "localhost.localdomain"},
		refused: map[Reason]int{Irrelevant: 7, Malformed: 2},
	}}
}

func csvCases() []formatCase {
	return []formatCase{{
		name: "Feodo's CSV, header and quotes",
		content: []string{"####", "# Botnet C2 IP Blocklist (CSV) #", "####", "#",
			`"first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"`,
			`"2024-02-08 19:20:49","198.18.0.1","5000","offline","2024-03-11","Pikabot"`,
			`"2024-02-08 19:20:49","198.18.0.2","443","online","2024-03-11","Say ""hi"", bot"`,
			`"2024-02-08 19:20:49","10.0.0.2","443","online","2024-03-11","x"`,
			`"2024-02-08 19:20:49","no address","443","online","","x"`, `"2024`, "# END 4 entries"},
		format:  Feodo,
		hits:    map[string]string{"198.18.0.1": "address 198.18.0.1", "198.18.0.2": "address 198.18.0.2"},
		refused: map[Reason]int{NotPublic: 1, Malformed: 2},
	}, {
		name:    "Feodo's CSV, header behind a mark and columns in another order",
		content: []string{"# malware,dst_ip,first_seen_utc,dst_port", "Emotet,198.18.0.1,2021-01-01 00:00:00,80"},
		format:  Feodo,
		hits:    map[string]string{"198.18.0.1": "address 198.18.0.1"},
	}}
}

func jsonLineCases() []formatCase {
	return []formatCase{{
		name: "Spamhaus DROP",
		content: []string{`{"cidr":"198.18.0.0/20","sblid":"SBL1","rir":"apnic"}`, `{"cidr":"2a00:7::/32","sblid":"SBL2","rir":"ripencc"}`,
			`{"cidr":7}`, `{"cidr":"`, `{"asn":64496,"rir":"arin"}`, `{"cidr":"hello"}`, `{"type":"metadata","timestamp":1744682874,"records":2}`},
		format:  Spamhaus,
		hits:    map[string]string{"198.18.15.255": "range 198.18.0.0/20", "2a00:7::1": "range 2a00:7::/32"},
		misses:  []string{"198.18.16.0"},
		refused: map[Reason]int{Malformed: 3, Irrelevant: 1},
	}}
}

func stixCases() []formatCase {
	return []formatCase{{
		name: "a STIX bundle whose type stands at its end",
		content: []string{`{"id":"bundle--1","objects":[`,
			`{"type":"identity","name":"we"},`,
			`{"type":"ipv4-addr","value":"198.18.9.1"},`,
			`{"type":"indicator","pattern_type":"stix","pattern":"[ipv4-addr:value = '198.18.0.1' OR ipv4-addr:value = '198.18.0.2/31']","name":"C2"},`,
			`{"type":"indicator","pattern_type":"stix","pattern":"[ipv6-addr:value = '2a00::1'] OR [domain-name:value = 'evil.example']"},`,
			`{"type":"indicator","pattern":"[url:value = 'https://pages.example/a/b']","valid_until":"2026-11-24T12:00:01Z"},`,
			`{"type":"indicator","pattern":"[domain-name:value = 'over.example']","valid_until":"2026-11-24T12:00:00Z"},`,
			`{"type":"indicator","pattern":"[domain-name:value = 'gone.example']","revoked":true},`,
			`{"type":"indicator","pattern":"[domain-name:value = 'nice.example']","indicator_types":["benign"]},`,
			`{"type":"indicator","pattern":"rule x {}","pattern_type":"yara"},`,
			`{"type":"indicator","pattern":"[file:hashes.'SHA-256' = 'ab']"},`,
			`{"type":"indicator","pattern":["no"]},`,
			`{"type":"indicator","pattern":"[domain-name:value = 'when.example']","valid_until":"soon"},`,
			`{"type":"x-own","pattern":1},`,
			`17],"type":"bundle"}`},
		format: STIX,
		hits: map[string]string{
			"198.18.0.1": "address 198.18.0.1", "198.18.0.3": "range 198.18.0.2/31", "2a00::1": "address 2a00::1",
			"www.evil.example": "domain evil.example", "pages.example": "url pages.example",
		},
		misses:  []string{"198.18.9.1", "over.example", "gone.example", "nice.example", "www.pages.example", "when.example"},
		refused: map[Reason]int{Expired: 1, Irrelevant: 4, Malformed: 3},
	}}
}

func TestMISPWarningLists(t *testing.T) {
	head := `{"description":"x","matching_attributes":["domain"],`
	for _, c := range []formatCase{{
		name:    "ranges, and the type behind the list",
		content: []string{head + `"list":["198.18.0.0/16","198.19.0.1","2a00::/32","name.example",5,""],"type":"cidr"}`},
		hits:    map[string]string{"198.18.3.3": "range 198.18.0.0/16", "198.19.0.1": "address 198.19.0.1"},
		misses:  []string{"name.example"},
		refused: map[Reason]int{Irrelevant: 1, Malformed: 2},
	}, {
		name:    "host names, and what is below them",
		content: []string{head + `"type":"hostname","list":["good.example",".dot.example","com"]}`},
		hits:    map[string]string{"www.good.example": "domain good.example", "dot.example": "domain dot.example"},
		misses:  []string{"other.com"},
		refused: map[Reason]int{Irrelevant: 1},
	}, {
		name:    "strings are whole",
		content: []string{head + `"type":"string","list":["good.example","d41d8cd98f00b204e9800998ecf8427e"]}`},
		hits:    map[string]string{"good.example": "domain good.example"},
		misses:  []string{"www.good.example"},
		refused: map[Reason]int{Irrelevant: 1},
	}, {
		name:    "parts of names are not looked for",
		content: []string{head + `"list":["good.example","198.18.0.1"],"type":"substring"}`},
		misses:  []string{"good.example", "198.18.0.1"},
		refused: map[Reason]int{Irrelevant: 2},
	}} {
		t.Run(c.name, func(t *testing.T) {
			c.format = MISP
			// As feeds, which is the way to see what is in them; auto refuses that.
			asFeed := func(Format) reading { return readingOf(MISP) }
			c.check(t, asFeed)
			require.Equal(t, MISP, allowing(Auto).mustParse(t, strings.Join(c.content, "\n")).format)
		})
	}
}
