package feed

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAMatchSaysWhichListAndWhatItCallsTheEntry(t *testing.T) {
	r := readingOf(Feodo)
	r.source = &Source{Name: "feodo", Severity: "critical", Category: "c2", Confidence: 90}
	s := snapshotOf(r.mustParse(t, "dst_ip,malware\n198.18.0.1,Pikabot\n198.18.0.2,\n"))
	m, ok := s.Address(netip.MustParseAddr("198.18.0.1"))
	require.True(t, ok)
	require.Same(t, r.source, m.Source)
	require.Equal(t, "Pikabot", m.Note)
	require.Equal(t, Address, m.Kind)
	m, ok = s.Address(netip.MustParseAddr("198.18.0.2"))
	require.True(t, ok)
	require.Empty(t, m.Note)
}

func TestOfTheSameEntryTheFirstListCounts(t *testing.T) {
	first, second := readingOf(List), readingOf(List)
	second.source = &Source{Name: "second"}
	content := "198.18.0.1\n198.18.1.0/24\n2a00::1\n2a00:1::/32\nevil.example\n"
	a := first.mustParse(t, content)
	b := second.mustParse(t, content+"198.18.1.1\nmore.evil.example\n")
	s := snapshotOf(a, b)
	for what, want := range map[string]string{
		"198.18.0.1": "test", "198.18.1.2": "test", "2a00::1": "test", "2a00:1::5": "test", "x.evil.example": "test",
		"198.18.1.1": "second", "more.evil.example": "second", // the more specific entry
	} {
		m, ok := Match{}, false
		if addr, err := netip.ParseAddr(what); err == nil {
			m, ok = s.Address(addr)
		} else {
			m, ok = s.Name(what)
		}
		require.True(t, ok, what)
		require.Equal(t, want, m.Source.Name, what)
	}
}

func TestANameWithAllBelowItBeatsAURLOfTheSameHost(t *testing.T) {
	urls := readingOf(List).mustParse(t, "http://evil.example/x\n")
	names := readingOf(List).mustParse(t, "evil.example\n")
	for _, sets := range [][]*set{{urls, names}, {names, urls}} {
		s := snapshotOf(sets...)
		require.Equal(t, "domain evil.example", matched(s, "evil.example"))
		require.Equal(t, "domain evil.example", matched(s, "a.evil.example"))
	}
}

func TestAllowListsTakeAway(t *testing.T) {
	bad := readingOf(List).mustParse(t, "198.18.0.0/16\n198.19.0.1\n2a00::/32\nevil.example\nfine.example\nhttp://pages.example/x\nme.github.io\n")
	good := allowing(List).mustParse(t, "198.18.7.0/24\n198.19.0.0/16\n2a00::1\nok.evil.example\nexample.com\nfine.example\npages.example\n")
	s := snapshotOf(bad, good)
	for what, want := range map[string]string{
		"198.18.0.1": "range 198.18.0.0/16", "198.18.7.1": "", "198.19.0.1": "", "2a00::1": "", "2a00::2": "range 2a00::/32",
		"evil.example": "domain evil.example", "ok.evil.example": "", "a.ok.evil.example": "", "notok.evil.example": "domain evil.example",
		"fine.example": "", "a.fine.example": "", "pages.example": "",
	} {
		require.Equal(t, want, matched(s, what), what)
	}
	whole := allowing(MISP).mustParse(t, `{"type":"string","list":["evil.example","github.io"]}`)
	s = snapshotOf(bad, whole)
	require.Empty(t, matched(s, "evil.example"))
	require.Equal(t, "domain evil.example", matched(s, "a.evil.example"), "the list allows the name, not what is below")
	require.Equal(t, "domain me.github.io", matched(s, "me.github.io"), "nor the customers of a host")
}

func TestWhatIsNotOfTheInternetNeverMatchesUnlessAsked(t *testing.T) {
	addrs := []string{
		"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "192.0.2.1", "198.51.100.1",
		"203.0.113.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "0.0.0.0", "::1", "fe80::1", "fd00::1", "ff02::1", "2001:db8::1", "3fff::1",
	}
	wide := readingOf(List).mustParse(t, "192.0.0.0/8\n198.0.0.0/8\n203.0.0.0/8\n172.0.0.0/8\n100.0.0.0/8\n169.0.0.0/8\n2001::/16\n")
	s := snapshotOf(wide)
	require.Equal(t, "range 198.0.0.0/8", matched(s, "198.18.0.1"), "a laboratory's range matches")
	require.Equal(t, "range 172.0.0.0/8", matched(s, "172.32.0.0"))
	var asked string
	for _, a := range addrs {
		require.Empty(t, matched(s, a), a)
		asked += a + "\n"
	}
	s = snapshotOf(private(List).mustParse(t, asked), wide)
	for _, a := range addrs {
		require.Equal(t, "address "+a, matched(s, a), a)
	}
	s = snapshotOf(private(List).mustParse(t, asked), allowing(List).mustParse(t, "10.0.0.0/8\n"))
	require.Empty(t, matched(s, "10.1.2.3"), "an allow list takes away there too")
}

func TestTheClustersAddressesNeverMatchUnlessAsked(t *testing.T) {
	pods := netip.MustParsePrefix("198.18.0.0/16")
	content := "198.18.0.1\n198.18.0.0/15\n"
	public, asked := readingOf(List).mustParse(t, content), private(List).mustParse(t, content)
	s := newSnapshot([]*set{public}, noon.Unix(), 1, notPublic(), pods.Contains)
	require.Empty(t, matched(s, "198.18.0.1"))
	require.Empty(t, matched(s, "198.18.9.9"))
	require.Equal(t, "range 198.18.0.0/15", matched(s, "198.19.0.1"))
	s = newSnapshot([]*set{public, asked}, noon.Unix(), 1, notPublic(), pods.Contains)
	m, ok := s.Address(netip.MustParseAddr("198.18.0.1"))
	require.True(t, ok)
	require.Equal(t, "private", m.Source.Name)
}

func TestEntriesEnd(t *testing.T) {
	sets := []*set{readingOf(STIX).mustParse(t, `{"objects":[
		{"type":"indicator","pattern":"[ipv4-addr:value = '198.18.0.1']","valid_until":"2026-11-24T13:00:00Z"},
		{"type":"indicator","pattern":"[domain-name:value = 'evil.example']","valid_until":"2026-11-24T14:00:00Z"},
		{"type":"indicator","pattern":"[domain-name:value = 'stays.example']"}]}`)}
	for hour, want := range map[int][3]string{
		12: {"address 198.18.0.1", "domain evil.example", "domain stays.example"},
		13: {"", "domain evil.example", "domain stays.example"},
		14: {"", "", "domain stays.example"},
	} {
		s := newSnapshot(sets, noon.Unix()+int64(hour-12)*3600, 1, notPublic(), func(netip.Addr) bool { return false })
		require.Equal(t, want, [3]string{matched(s, "198.18.0.1"), matched(s, "evil.example"), matched(s, "stays.example")})
		require.Equal(t, map[int]int64{12: noon.Unix() + 3600, 13: noon.Unix() + 7200, 14: 0}[hour], s.ends)
	}
}

func TestFeodosRowsEndWhenTheyAreOldIfAsked(t *testing.T) {
	content := "dst_ip,last_online\n198.18.0.1,2026-11-01\n198.18.0.2,2026-11-20 10:00:00\n198.18.0.3,\n"
	require.Equal(t, 3, readingOf(Feodo).mustParse(t, content).entries())
	const day = 24 * time.Hour
	r := readingOf(Feodo)
	r.maxAge = 14 * day
	set := r.mustParse(t, content)
	require.Equal(t, 2, set.entries())
	require.Equal(t, 1, set.refused.Count[Expired])
	s := snapshotOf(set)
	require.Equal(t, noon.AddDate(0, 0, 10).Truncate(day).Unix(), s.ends)
	require.Empty(t, matched(s, "198.18.0.1"))
	require.NotEmpty(t, matched(s, "198.18.0.3"), "of which the list does not say when")
}

func TestLookingUpDoesNotAllocate(t *testing.T) {
	s := snapshotOf(readingOf(List).mustParse(t, "198.18.0.1\n198.18.1.0/24\n2a00::1\nevil.example\n"), allowing(List).mustParse(t, "ok.example\n"))
	hit, miss := netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("2a00::2")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s.Address(hit)
		s.Address(miss)
		s.Name("WWW.evil.Example.")
		s.Name("a.b.c.d.e.f.ok.example")
	}))
}
