package names

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// podSearch is the search list of a pod in the namespace shop.
func podSearch() []string {
	return []string{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "node.internal"}
}

// outcome is what came of NXDOMAINs: name and type, and whether they were a search's.
func (r *recorder) nxdomains() (searched, real []string) {
	for _, e := range r.ended {
		switch {
		case e.RCode != noName:
		case e.Searched:
			searched = append(searched, e.Name+" "+TypeName(e.Type))
		default:
			real = append(real, e.Name+" "+TypeName(e.Type))
		}
	}
	return searched, real
}

// TestSearchesOfRealResolvers: glibc, musl and Go with a pod's resolv.conf. What
// does not exist fails once for each type, under the name that the program gave.
func TestSearchesOfRealResolvers(t *testing.T) {
	failed := []string{"typo", "typo.other", "nope.shop.svc.cluster.local", "a.b.c.d.e.typo"}
	for _, resolver := range []string{"glibc", "musl", "go"} {
		t.Run(resolver, func(t *testing.T) {
			r := recording()
			packets := capture(t, "search-"+resolver+".pcap")
			for _, p := range packets {
				r.Observe(p)
			}
			r.Expire(packets[len(packets)-1].At + 60*second)
			r.balanced(t)
			searched, real := r.nxdomains()
			want := []string{}
			for _, name := range failed {
				want = append(want, name+" A", name+" AAAA")
			}
			require.ElementsMatch(t, want, real)
			require.Greater(t, len(searched), 40)
			for _, name := range searched {
				require.NotContains(t, want, name)
			}
			require.Equal(t, DNSCounters{Questions: uint64(len(packets) / 2), Answers: uint64(len(packets) / 2)}, r.Counters())
		})
	}
}

// lookup does what resolvers do: the names of the search in order, each for both
// types, until one exists.
func lookup(r *recorder, at *clock, name string, search []string, ndots int, exists func(string) bool) {
	var candidates []string
	for _, s := range search {
		candidates = append(candidates, name+"."+s)
	}
	if strings.Count(name, ".") >= ndots {
		candidates = append([]string{name}, candidates...)
	} else {
		candidates = append(candidates, name)
	}
	for i, candidate := range candidates {
		rcode := nxdomain
		if exists(candidate) {
			rcode = success
		}
		for _, qtype := range []dnsmessage.Type{typeA, typeAAAA} {
			r.ask(at, uint16(i), candidate, qtype, int(rcode))
		}
		if rcode == success {
			return
		}
	}
}

// TestFailedLookupCountsOnce holds the rule against a model of resolvers: whatever
// the search list, ndots and the names that exist, a look-up that succeeds leaves no
// NXDOMAIN, and one that fails leaves that of the name itself, for each type. So it is
// when programs repeat them, or look up others, as long as no name begins with another.
func TestFailedLookupCountsOnce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	hosts := []string{"typo", "web.other", "web.test", "github.test", "a.b.c", "a.b.d.e.f.g", "_http._tcp.web.shop.svc", "web.shop.svc.cluster.local", "x.svc", "svc.svc"}
	for i := range 5000 {
		at, r := &clock{}, recording()
		search, ndots := podSearch()[:1+rnd.IntN(4)], 1+rnd.IntN(6)
		var want, story []string
		for range 1 + rnd.IntN(4) {
			name := hosts[rnd.IntN(len(hosts))]
			existing := "" // a candidate, or none
			if n := rnd.IntN(len(search) + 2); n < len(search) {
				existing = name + "." + search[n]
			} else if n == len(search) {
				existing = name
			}
			lookup(r, at, name, search, ndots, func(c string) bool { return c == existing })
			if existing == "" {
				want = append(want, name+" A", name+" AAAA")
			}
			story = append(story, fmt.Sprintf("%s: there is %q", name, existing))
		}
		r.Close()
		_, real := r.nxdomains()
		require.ElementsMatch(t, want, real, "%d: ndots:%d, search %v, %q", i, ndots, search, story)
		r.balanced(t)
	}
}

// TestSearchesOfOneClientAtOnce: programs of a pod look up different names, and the same, at once.
func TestSearchesOfOneClientAtOnce(t *testing.T) {
	at, r := &clock{}, recording()
	const n = 20
	for _, suffix := range append(podSearch(), "") {
		for i := range n {
			name := strings.TrimSuffix(fmt.Sprintf("host%d.test.%s", i%(n/2), suffix), ".")
			rcode := nxdomain
			if suffix == "" && i%2 == 0 {
				rcode = success
			}
			r.ask(at, uint16(i), name, typeA, int(rcode))
		}
	}
	r.Expire(at.now + 60*second)
	_, real := r.nxdomains()
	require.Len(t, real, n/2)
	for _, name := range real {
		require.NotContains(t, name, "local")
	}
}

func TestNamesThatOnlyLookLikeASearch(t *testing.T) {
	for why, names := range map[string][]string{
		"two Services":                {"web.shop.svc.cluster.local", "db.shop.svc.cluster.local"},
		"one name in two namespaces":  {"web.shop.svc.cluster.local", "web.other.svc.cluster.local"},
		"block lists":                 {"2.0.18.198.first.test", "2.0.18.198.second.test"},
		"a name and its parent":       {"www.example.test", "example.test"},
		"the same again":              {"www.example.test", "www.example.test"},
		"half a label":                {"www.example.test", "www.example.te"},
		"a suffix as a name":          {"svc.cluster.local", "cluster.local"},
		"a label that ends alike":     {"webshop.svc.cluster.local", "web.cluster.local"},
		"a suffix that is not listed": {"web.first.internal", "web.second.internal"},
	} {
		at, r := &clock{}, recording()
		for _, name := range names {
			r.ask(at, 1, name, typeA, int(nxdomain))
		}
		r.Expire(at.now + 60*second)
		searched, real := r.nxdomains()
		require.Empty(t, searched, why)
		require.Len(t, real, len(names), why)
	}
}

// TestProgramThatTriesALongerNameItself: the search for the short one had ended.
func TestProgramThatTriesALongerNameItself(t *testing.T) {
	for rcode, want := range map[dnsmessage.RCode][]string{
		nxdomain: {"db.prod A", "db.prod AAAA", "db.prod.example.test A"},
		success:  {"db.prod A", "db.prod AAAA"},
	} {
		at, r := &clock{}, recording()
		lookup(r, at, "db.prod", podSearch(), 5, func(string) bool { return false })
		r.ask(at, 9, "db.prod.example.test", typeA, int(rcode))
		r.Expire(at.now + 60*second)
		_, real := r.nxdomains()
		require.ElementsMatch(t, want, real)
	}
}

// TestNamesOfWhichOneBeginsWithTheOther: both are looked up, and neither exists.
func TestNamesOfWhichOneBeginsWithTheOther(t *testing.T) {
	for _, ndots := range []int{1, 5} {
		for _, names := range [][]string{{"typo", "typo.other"}, {"typo.other", "typo"}} {
			at, r := &clock{}, recording()
			for _, name := range names {
				lookup(r, at, name, podSearch(), ndots, func(string) bool { return false })
			}
			r.Expire(at.now + 60*second)
			_, real := r.nxdomains()
			require.ElementsMatch(t, []string{"typo A", "typo AAAA", "typo.other A", "typo.other AAAA"}, real, "%s, ndots:%d", names, ndots)
		}
	}
}

// TestSearchThatSucceededIsOver: the longer name is another look-up.
func TestSearchThatSucceededIsOver(t *testing.T) {
	at, r := &clock{}, recording()
	lookup(r, at, "web", podSearch(), 1, func(c string) bool { return c == "web.cluster.local" })
	lookup(r, at, "web.example.test", podSearch(), 1, func(string) bool { return false })
	r.Close()
	_, real := r.nxdomains()
	require.ElementsMatch(t, []string{"web.example.test A", "web.example.test AAAA"}, real)
}

// TestNoSearchBeginsWithOneLabel: ndots is at least 1 but where somebody wants it to be 0.
func TestNoSearchBeginsWithOneLabel(t *testing.T) {
	at, r := &clock{}, recording()
	r.ask(at, 1, "db", typeA, int(nxdomain))
	r.ask(at, 2, "db.prod.example.test", typeA, int(nxdomain))
	r.Close()
	searched, _ := r.nxdomains()
	require.Empty(t, searched)
}

// TestSearchBeginsWithAnAnswer: who asks for both names at once does not search.
func TestSearchBeginsWithAnAnswer(t *testing.T) {
	at, r := &clock{}, recording()
	r.ask(at, 1, "db.prod", typeA, -1)
	r.ask(at, 2, "db.prod.example.test", typeA, -1)
	for id, name := range map[uint16]string{1: "db.prod", 2: "db.prod.example.test"} {
		p := answerTo(udp(pod, resolver, 40000, nil), answer(id, name, typeA, nxdomain))
		p.At = at.now + flow.Nanos(id)*ms
		r.Observe(p)
	}
	r.Close()
	searched, _ := r.nxdomains()
	require.Empty(t, searched)
}

func TestCloseHandsOverWhatWasAnswered(t *testing.T) {
	at, r := &clock{}, recording()
	r.ask(at, 1, "gone.test", typeA, int(nxdomain))
	r.ask(at, 2, "slow.test", typeA, -1)
	r.Close()
	require.Equal(t, "gone.test", r.one(t).Name)
	require.Equal(t, 1, r.Len())
}

func TestSearchOfAnotherClientOrAnotherTimeIsNone(t *testing.T) {
	at, r := &clock{}, recording()
	r.ask(at, 1, "web.test.shop.svc.cluster.local", typeA, int(nxdomain))
	other := udp("198.18.0.2", resolver, 40000, question(1, "web.test.svc.cluster.local", typeA))
	other.At = at.next()
	r.Observe(other)
	require.Equal(t, 1, r.Held())
	at.now += 6 * second
	r.Expire(at.now)
	r.ask(at, 2, "web.test.svc.cluster.local", typeA, int(success))
	searched, real := r.nxdomains()
	require.Empty(t, searched)
	require.Equal(t, []string{"web.test.shop.svc.cluster.local A"}, real)
}

// TestSuffixesOfTheNodeAreListed: a search of which no name is asked as it is.
func TestSuffixesOfTheNodeAreListed(t *testing.T) {
	at := &clock{}
	r := recording(func(c *DNSConfig) { c.SearchSuffixes = []string{"cluster.example.", "corp.Example"} })
	r.ask(at, 1, "vm1.shop.svc.cluster.example", typeA, int(nxdomain))
	r.ask(at, 2, "vm1.cluster.example", typeA, int(nxdomain))
	r.ask(at, 3, "vm1.corp.example", typeA, int(success))
	searched, real := r.nxdomains()
	require.Len(t, searched, 2)
	require.Empty(t, real)
}

func TestLateSecondTypeDoesNotEndTheSearch(t *testing.T) {
	at, r := &clock{}, recording()
	r.ask(at, 1, "github.test.cluster.local", typeA, int(nxdomain))
	r.ask(at, 2, "github.test.cluster.local", typeAAAA, -1) // is lost; the resolver waits for 5 s
	at.now += 5 * second
	r.Expire(at.now)
	r.ask(at, 3, "github.test", typeA, int(success))
	searched, _ := r.nxdomains()
	require.Equal(t, []string{"github.test.cluster.local A"}, searched)
}
