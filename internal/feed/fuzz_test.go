package feed

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzzFormat feeds bytes to one parser. Whatever they are, it ends, what it took is
// found again, and it counted what it did not take.
func fuzzFormat(f *testing.F, format Format, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r := readingOf(format)
		r.source = &Source{Name: "fuzz", Private: true} // takes more
		set, err := r.parse(bytes.NewReader(content), noon)
		if err != nil {
			require.Nil(t, set)
			return
		}
		require.NotZero(t, set.understood())
		require.LessOrEqual(t, len(set.refused.First), samples)
		for _, refused := range set.refused.First {
			require.LessOrEqual(t, len(refused.Text), 3*excerpt) // a byte may become a replacement character
		}
		findAll(t, set)
	})
}

// findAll looks up all that a set holds.
func findAll(t *testing.T, set *set) {
	s := snapshotOf(set)
	found := 0
	for _, a := range set.v4.keys {
		_, ok := s.Address(addr4(a))
		require.True(t, ok)
		found++
	}
	for _, a := range set.v6.keys {
		_, ok := s.Address(addr6(a))
		require.True(t, ok)
		found++
	}
	for i := range set.nets4.keys {
		_, ok := s.Address(set.net4(uint32(i)).Addr())
		require.True(t, ok)
		found++
	}
	for i := range set.nets6.keys {
		_, ok := s.Address(set.net6(uint32(i)).Addr())
		require.True(t, ok)
		found++
	}
	for at := uint32(0); at < uint32(len(set.text)); {
		name := set.name(at)
		m, ok := s.Name(string(name))
		require.True(t, ok)
		require.Equal(t, string(name), m.Entry())
		at += nameHead + uint32(len(name))
		found++
	}
	require.Equal(t, set.entries(), found)
}

func FuzzList(f *testing.F) {
	fuzzFormat(f, List, "198.18.0.1\n198.18.0.0/15 # x\n2a00::/32\n", "||evil.example^\n*.x.example\nhttp://u.example/p\n@@x\n", "[::1]\n1.2.3.4/99\n..\n")
}

func FuzzHosts(f *testing.F) {
	fuzzFormat(f, Hosts, "127.0.0.1 localhost\n0.0.0.0 a.example b.example#c\n::1 x\nfe80::1%lo0 localhost\n")
}

func FuzzFeodo(f *testing.F) {
	fuzzFormat(f, Feodo, "#\n\"first_seen_utc\",\"dst_ip\",\"last_online\",\"malware\"\n\"x\",\"198.18.0.1\",\"2026-01-01\",\"A\"\"b\"\n", "# malware,dst_ip\nx,198.18.0.1\n")
}

func FuzzSpamhaus(f *testing.F) {
	fuzzFormat(f, Spamhaus, `{"cidr":"198.18.0.0/20","sblid":"SBL1"}`+"\n"+`{"type":"metadata"}`)
}

func FuzzSTIX(f *testing.F) {
	fuzzFormat(f, STIX, `{"type":"bundle","objects":[{"type":"indicator","name":"n","pattern":"[ipv4-addr:value = '198.18.0.1'] OR [domain-name:value IN ('a.example')]","valid_until":"2027-01-01T00:00:00Z"},{"type":"x"}],"y":[{}]}`)
}

func FuzzMISP(f *testing.F) {
	fuzzFormat(f, MISP, `{"list":["198.18.0.0/24","a.example","2a00::1"],"type":"hostname"}`, `{"type":"cidr","list":["198.18.0.0/24","x"]}`, `{"list":[1],"type":3}`)
}

func FuzzAuto(f *testing.F) {
	fuzzFormat(f, Auto, "198.18.0.1", "0.0.0.0 a.example", "a,dst_ip\nb,198.18.0.1", `{"cidr":"198.18.0.0/24"}`, `{"type":"bundle","objects":[]}`, `{"list":[]}`, "<", "[", "\xef\xbb\xbf")
}

func FuzzPattern(f *testing.F) {
	f.Add("[ipv4-addr:value = '198.18.0.1' OR a:b.'c d'[*] IN ('x', 'y\\'')] AND ([z:z LIKE 'x'])")
	f.Fuzz(func(t *testing.T, text string) {
		comparisons, why := parsePattern(text)
		require.Equal(t, why == accepted, len(comparisons) > 0)
	})
}

func FuzzName(f *testing.F) {
	f.Add("WWW.evil.Example.")
	f.Add("..")
	known := readingOf(List)
	s, err := known.parse(bytes.NewReader([]byte("evil.example\nbücher.example\nx.github.io\n")), noon)
	require.NoError(f, err)
	snapshot := snapshotOf(s)
	f.Fuzz(func(t *testing.T, name string) {
		if m, ok := snapshot.Name(name); ok {
			require.GreaterOrEqual(t, covers(m.Entry(), lowered(name)), 0)
		}
	})
}

func lowered(name string) string {
	var buf [maxName]byte
	ascii, _ := lower(&buf, name)
	return string(ascii)
}
