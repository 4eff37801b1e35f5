package names

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// taught is an answered question of a client.
func taught(client, name string, at flow.Nanos, ttl uint32, addresses ...string) *Transaction {
	t := &Transaction{Client: addr(client), Name: name, Class: classINET, Asked: at}
	for _, a := range addresses {
		t.Answers = append(t.Answers, Answer{addr(a), ttl})
	}
	return t
}

func learned(change ...func(*DNSConfig)) *Learned {
	config := NewDefaultDNSConfig()
	for _, f := range change {
		f(&config)
	}
	return NewLearned(config)
}

// called is what pod calls the address at that time, "" if it has no name for it.
func called(l *Learned, address string, at flow.Nanos) string {
	name, _ := l.Name(addr(pod), addr(address), at)
	return name
}

func TestAddressHasTheNameThatTheClientAskedFor(t *testing.T) {
	at, r, l := &clock{}, recording(), learned()
	r.done = l.Learn
	r.ask(at, 1, "Shop.Example.test", typeA, 0, cname("shop.example.test", "edge.cdn.test"), a("edge.cdn.test", "198.18.9.1", 30), a("victim.test", "198.18.9.2", 30))
	require.Equal(t, "shop.example.test", called(l, "198.18.9.1", at.now))
	require.Empty(t, called(l, "198.18.9.2", at.now), "nobody asked for victim.test")
	_, ok := l.Name(addr("198.18.0.2"), addr("198.18.9.1"), at.now)
	require.False(t, ok, "another client did not ask")
	r.Observe(answerTo(udp(pod, resolver, 40000, nil), answer(9, "bank.test", typeA, success, a("bank.test", "198.18.9.3", 30))))
	require.Empty(t, called(l, "198.18.9.3", at.now), "unsolicited")
}

// TestRealAnswersTeach: what glibc, musl and Go asked of dnsmasq.
func TestRealAnswersTeach(t *testing.T) {
	for _, resolver := range []string{"glibc", "musl", "go"} {
		r, l := recording(), learned()
		r.done = l.Learn
		packets := capture(t, "search-"+resolver+".pcap")
		for _, p := range packets {
			r.Observe(p)
		}
		now := packets[len(packets)-1].At
		for address, want := range map[string]string{
			"198.18.9.80": "github.test",
			"fd00:9::80":  "github.test",
			"198.18.9.81": "www.example.test", // of which edge.cdn.test is the target
			"198.18.9.12": "web.other.svc.cluster.local",
			"198.18.9.13": "vm1.node.internal",
		} {
			name, _ := l.Name(addr("198.18.7.2"), addr(address), now)
			require.Equal(t, want, name, "%s: %s", resolver, address)
		}
	}
}

func TestConnectionHasTheNameThatWasAskedForLastBeforeIt(t *testing.T) {
	l := learned()
	l.Learn(taught(pod, "a.test", start, 30, "198.18.9.1"))
	l.Learn(taught(pod, "b.test", start+10*second, 30, "198.18.9.1"))
	l.Learn(taught(pod, "a.test", start+20*second, 30, "198.18.9.1"))
	for after, want := range map[flow.Nanos]string{-1: "", 0: "a.test", 9: "a.test", 10: "b.test", 19: "b.test", 20: "a.test", 60: "a.test"} {
		require.Equal(t, want, called(l, "198.18.9.1", start+after*second), "after %d s", after)
	}
	require.Equal(t, LearnedCounters{Learned: 2, Renewed: 1}, l.Counters())
}

func TestNameThatLapsedBeganAnew(t *testing.T) {
	l := learned()
	l.Learn(taught(pod, "a.test", start, 30, "198.18.9.1"))
	again := start + 30*second + keepPastTTL
	l.Learn(taught(pod, "a.test", again, 30, "198.18.9.1"))
	require.Empty(t, called(l, "198.18.9.1", again-1))
	require.Equal(t, "a.test", called(l, "198.18.9.1", again))
}

func TestAnswerCountsFromItsArrival(t *testing.T) {
	l := learned()
	slow := taught(pod, "slow.test", start, 30, "198.18.9.1")
	slow.Duration = 2 * time.Second
	l.Learn(slow)
	require.Empty(t, called(l, "198.18.9.1", start+2*second-1))
	require.Equal(t, "slow.test", called(l, "198.18.9.1", start+2*second))
}

func TestNamesAreKeptPastTheirTTLAndWhileTheyAreUsed(t *testing.T) {
	l := learned()
	l.Learn(taught(pod, "a.test", start, 30, "198.18.9.1"))
	l.Learn(taught(pod, "zero.test", start, 0, "198.18.9.2"))
	l.Learn(taught(pod, "ages.test", start, 1<<31-1, "198.18.9.3"))
	end := start + 30*second + keepPastTTL
	require.Equal(t, "a.test", called(l, "198.18.9.1", end-1))
	require.Empty(t, called(l, "198.18.9.1", end))
	require.Equal(t, "zero.test", called(l, "198.18.9.2", start+keepPastTTL-1))

	l.Keep(addr(pod), addr("198.18.9.1"), "other.test", end-1)
	require.Empty(t, called(l, "198.18.9.1", end))
	l.Keep(addr(pod), addr("198.18.9.1"), "a.test", end-1)
	l.Expire(end)
	require.Equal(t, "a.test", called(l, "198.18.9.1", end))
	require.Equal(t, 2, l.Len())
	l.Expire(start + 24*3600*second + keepPastTTL)
	require.Zero(t, l.Len())
	require.Equal(t, LearnedCounters{Learned: 3, Expired: 3}, l.Counters())
	require.Empty(t, l.of)
	require.Empty(t, l.clients)
}

func TestOnlyAnswersTeach(t *testing.T) {
	for why, change := range map[string]func(*Transaction){
		"timeout": func(t *Transaction) { t.TimedOut = true },
		"error":   func(t *Transaction) { t.RCode = noName },
		"class":   func(t *Transaction) { t.Class = 3 },
	} {
		l := learned()
		x := taught(pod, "a.test", start, 30, "198.18.9.1")
		change(x)
		l.Learn(x)
		require.Zero(t, l.Len(), why)
	}
}

func TestNamesAreBounded(t *testing.T) {
	l := learned(func(c *DNSConfig) { c.MaxNames, c.MaxNamesPerClient = 100, 20 })
	for i := range 50 {
		l.Learn(taught(pod, "a.test", start+flow.Nanos(i), 30, fmt.Sprintf("198.18.9.%d", i)))
	}
	require.Equal(t, 20, l.Len())
	require.Empty(t, called(l, "198.18.9.29", start+second))
	require.Equal(t, "a.test", called(l, "198.18.9.30", start+second))
	require.EqualValues(t, 30, l.Counters().Evicted)

	l.Learn(taught(pod, "a.test", start+second, 30, "198.18.9.30")) // now the newest
	for i := range 10 {
		for k := range 10 {
			l.Learn(taught(fmt.Sprintf("198.18.3.%d", i), "b.test", start+second, 30, fmt.Sprintf("198.18.9.%d", k)))
		}
	}
	require.Equal(t, 100, l.Len(), "all that others learned")
	require.Empty(t, called(l, "198.18.9.30", start+second))
	require.Len(t, l.clients, 10)
	require.Len(t, l.items, 101)
}

func TestNamesOfOneAddressAreBounded(t *testing.T) {
	l := learned()
	for i := range 20 {
		l.Learn(taught(pod, fmt.Sprintf("host%d.test", i), start+flow.Nanos(i)*second, 30, "198.18.9.1"))
	}
	require.Equal(t, namesOfAddress, l.Len())
	require.Equal(t, "host19.test", called(l, "198.18.9.1", start+60*second))
	require.Equal(t, "host12.test", called(l, "198.18.9.1", start+12*second))
	require.Empty(t, called(l, "198.18.9.1", start+11*second))
}

func TestForgottenClientHasNoNames(t *testing.T) {
	l := learned()
	for _, client := range []string{pod, "198.18.0.2"} {
		l.Learn(taught(client, "a.test", start, 30, "198.18.9.1", "198.18.9.2"))
	}
	l.Forget(addr(pod))
	l.Forget(addr("198.18.0.99"))
	require.Equal(t, 2, l.Len())
	require.Empty(t, called(l, "198.18.9.1", start))
	require.Len(t, l.clients, 1)
}

// TestLearnedAgreesWithASlowOne compares with a list of all that was ever taught.
func TestLearnedAgreesWithASlowOne(t *testing.T) {
	type lessonSlow struct {
		client, addr, name string
		at                 flow.Nanos
		ttl                uint32
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(prefix string, n int) string { return fmt.Sprintf("%s%d", prefix, rnd.IntN(n)) }
	l, slow, now := learned(), []lessonSlow{}, start
	for range 5000 {
		now += flow.Nanos(rnd.Int64N(int64(20 * second)))
		x := lessonSlow{pick("198.18.0.", 3), pick("198.18.9.", 5), pick("host", 4), now, uint32(rnd.IntN(3000))}
		slow = append(slow, x)
		l.Learn(taught(x.client, x.name, x.at, x.ttl, x.addr))
		if rnd.IntN(20) == 0 {
			l.Expire(now)
		}
		client, address := pick("198.18.0.", 3), pick("198.18.9.", 5)
		want := ""
		var until flow.Nanos
		for _, s := range slow { // the last is the newest
			if s.client == client && s.addr == address {
				end := s.at + flow.Nanos(s.ttl)*second + keepPastTTL
				if s.name == want {
					end = max(end, until)
				}
				want, until = s.name, end
			}
		}
		if until <= now {
			continue // an older name may live longer; what then holds is not the point here
		}
		got, _ := l.Name(addr(client), addr(address), now)
		require.Equal(t, want, got)
	}
}
