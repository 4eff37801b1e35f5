package names

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// small is a table of 16, of which a client's questions take 2.
func small(c *DNSConfig) { c.MaxTransactions = 16 }

// from is a question of one of many clients.
func from(client int, id uint16, name string) *Packet {
	return udp(fmt.Sprintf("198.18.2.%d", client), resolver, 40000, question(id, name, typeA))
}

func TestOneClientCannotFillTheTable(t *testing.T) {
	r := recording(small)
	for id := range uint16(10) {
		r.Observe(from(1, id, "www.example.test"))
	}
	require.Equal(t, 2, r.Len())
	require.EqualValues(t, 8, r.Counters().Refused)
	r.Observe(from(2, 1, "www.example.test"))
	require.Equal(t, 3, r.Len())
	r.Observe(answerTo(from(1, 0, ""), answer(0, "www.example.test", typeA, success)))
	r.Observe(from(1, 10, "www.example.test"))
	require.Equal(t, 3, r.Len(), "an answer gives the room back")
	r.balanced(t)
}

func TestFullTableRefusesAndCounts(t *testing.T) {
	r := recording(small)
	for client := range 20 {
		r.Observe(from(client, 1, "www.example.test"))
	}
	require.Equal(t, 16, r.Len())
	require.EqualValues(t, 4, r.Counters().Refused)
	r.Expire(start + 5*second)
	require.Len(t, r.ended, 16)
	r.balanced(t)
	require.Len(t, r.table.items, 17)
}

// TestRoomComesFromThePast: what was handed over goes first, then NXDOMAINs that wait are judged.
func TestRoomComesFromThePast(t *testing.T) {
	at, r := &clock{}, recording(small)
	for client := range 16 {
		q := from(client, 1, "www.example.test")
		rcode := success
		if client >= 8 {
			rcode = nxdomain
		}
		q.At = at.next()
		r.Observe(q)
		r.Observe(answerTo(q, answer(1, "www.example.test", typeA, rcode)))
	}
	require.Len(t, r.ended, 8)
	require.Equal(t, 8, r.Held())
	for client := range 8 {
		r.Observe(from(100+client, 1, "www.example.test"))
	}
	require.Len(t, r.ended, 8, "eight entries of the past made room")
	require.Zero(t, r.Counters().Hurried)
	r.Observe(from(120, 1, "www.example.test"))
	require.Len(t, r.ended, 9)
	require.EqualValues(t, 1, r.Counters().Hurried)
	require.Equal(t, "NXDOMAIN", r.ended[8].ErrorType())
	require.Equal(t, addr("198.18.2.8"), r.ended[8].Client, "the oldest")
	for client := range 20 {
		r.Observe(from(130+client, 1, "www.example.test"))
	}
	require.Equal(t, 16, r.Len())
	require.Zero(t, r.Held())
	require.EqualValues(t, 13, r.Counters().Refused)
	r.balanced(t)
}

func TestQuestionsUnderOneKeyAreBounded(t *testing.T) {
	at, r := &clock{}, recording()
	for i := range 12 {
		r.ask(at, 1, fmt.Sprintf("host%d.test", i), typeA, -1)
	}
	require.Equal(t, sameKey, r.Len())
	require.EqualValues(t, 12-sameKey, r.Counters().Refused)
	r.ask(at, 2, "host.test", typeA, 0)
	for i := range 100 { // answered ones make room
		r.ask(at, 3, fmt.Sprintf("host%d.test", i), typeA, i%2*int(nxdomain))
	}
	r.Expire(at.now)
	require.Len(t, r.ended, 1+100-r.Held())
	r.balanced(t)
}

// TestFloodOfOneNameKeepsItsPace: NXDOMAINs with one first label, as a scan of
// subdomains or a flood has, are compared with the last few only.
func TestFloodOfOneNameKeepsItsPace(t *testing.T) {
	at, r := &clock{}, recording(func(c *DNSConfig) { c.MaxTransactions = 1024 })
	for i := range 20000 {
		r.ask(at, uint16(i), fmt.Sprintf("www.domain%d.test", i), typeA, int(nxdomain))
	}
	require.Len(t, r.table.labels, 1)
	n := 0
	for range r.alike(&r.table.items[r.table.held.last]) {
		n++
	}
	require.Equal(t, maxAlike, n)
	r.Expire(at.now + 60*second)
	r.balanced(t)
	require.Len(t, r.ended, 20000)
	require.Empty(t, r.table.labels)
	require.Empty(t, r.table.keys)
	require.Empty(t, r.table.clients)
	require.Len(t, r.table.items, 1025)
}

// TestSteadyStateAllocatesTheNameOnly: 20,000 questions a second must not feed the
// garbage collector.
func TestSteadyStateAllocatesTheNameOnly(t *testing.T) {
	for _, rcode := range []dnsmessage.RCode{success, nxdomain} {
		r := NewTransactions(NewDefaultDNSConfig(), func(*Transaction) {})
		q := udp(pod, resolver, 40000, question(1, "www.example.test", typeA))
		p := answerTo(q, answer(1, "www.example.test", typeA, rcode, a("www.example.test", "198.18.0.80", 30)))
		id := 0
		once := func() {
			id++
			setID(q.Payload, uint16(id))
			setID(p.Payload, uint16(id))
			q.At += ms
			p.At = q.At + ms
			r.Observe(q)
			r.Observe(p)
			r.Expire(p.At)
		}
		for range 40000 {
			once()
		}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, once), 1.0)
	}
}

func TestConfigReportsAllErrorsAtOnce(t *testing.T) {
	c := NewDefaultDNSConfig()
	require.NoError(t, c.Validate())
	c = DNSConfig{SearchSuffixes: []string{"a..b", "", "ok.test."}, MaxStreams: 1}
	err := c.Validate()
	for _, want := range []string{"timeout:", `"a..b" is no domain`, `"" is no domain`, "max_transactions:", "max_names:", "max_names_per_client:"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "ok.test")
	require.NotContains(t, err.Error(), "max_streams")
	tls := NewDefaultTLSConfig()
	require.NoError(t, tls.Validate())
	tls.MaxHandshakes = 0
	require.ErrorContains(t, tls.Validate(), "max_handshakes")
}

func TestNamesAreCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"WWW.Example.Test.": "www.example.test",
		"www.example.test":  "www.example.test",
		".":                 ".",
		"":                  ".",
		"a b\\\x00\xff.x":   `a\032b\\\000\255.x`,
		"_http._tcp.X":      "_http._tcp.x",
	} {
		require.Equal(t, want, string(appendName(nil, []byte(in))), in)
	}
}

func TestSegmentsAreOrdered(t *testing.T) {
	for _, c := range []struct {
		next, seq uint32
		length    int
		skip      int
		want      order
	}{
		{100, 100, 10, 0, inOrder},
		{100, 95, 10, 5, inOrder},
		{100, 90, 10, 0, repeated},
		{100, 10, 10, 0, repeated},
		{100, 101, 10, 0, gap},
		{5, 0xfffffff0, 30, 21, inOrder},
		{0xfffffff0, 5, 10, 0, gap},
		{100, 1 << 30, 10, 0, foreign},
		{1 << 30, 100, 10, 0, foreign},
	} {
		skip, o := follow(c.next, c.seq, c.length)
		require.Equal(t, c.want, o, "%+v", c)
		require.Equal(t, c.skip, skip, "%+v", c)
	}
}
