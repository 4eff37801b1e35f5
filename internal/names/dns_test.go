package names

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestQuestionAndAnswerAreOneTransaction(t *testing.T) {
	r := recording()
	q := udp(pod, resolver, 40000, question(7, "WWW.Example.test", typeA))
	q.Interface = &flow.Interface{Index: 3}
	r.Observe(q)
	require.Empty(t, r.ended)
	require.Equal(t, 1, r.Len())
	p := answerTo(q, answer(7, "www.eXample.test", typeA, success,
		cname("www.example.test", "Edge.CDN.test"), cname("edge.cdn.test", "e1.cdn.test"), a("e1.cdn.test", "198.18.0.80", 30), a("e1.cdn.test", "198.18.0.81", 60)))
	r.Observe(p)
	require.Equal(t, Transaction{
		Client: addr(pod), Server: addr(resolver), ClientPort: 40000, ID: 7, Transport: flow.UDP, Interface: q.Interface,
		Name: "www.example.test", Type: 1, Class: 1,
		Asked: start, Duration: time.Millisecond, QuestionBytes: len(q.Payload), AnswerBytes: len(p.Payload),
		Answers: []Answer{{addr("198.18.0.80"), 30}, {addr("198.18.0.81"), 60}},
		Aliases: []string{"edge.cdn.test", "e1.cdn.test"},
	}, r.one(t))
	require.Equal(t, DNSCounters{Questions: 1, Answers: 1}, r.Counters())
}

func TestAnswersOverIPv6(t *testing.T) {
	r := recording()
	q := udp("fd00::1", "fd00::53", 40000, question(7, "www.example.test", typeAAAA))
	r.Observe(q)
	r.Observe(answerTo(q, answer(7, "www.example.test", typeAAAA, success, a("www.example.test", "fd00::80", 30))))
	got := r.one(t)
	require.Equal(t, addr("fd00::1"), got.Client)
	require.Equal(t, []Answer{{addr("fd00::80"), 30}}, got.Answers)
}

func TestErrorTypeIsTheResponseCode(t *testing.T) {
	for rcode, want := range map[dnsmessage.RCode]string{0: "", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED", 16: "BADVERS", 23: "BADCOOKIE", 99: "RCODE99"} {
		r := recording()
		r.ask(&clock{}, 1, "www.example.test", typeA, int(rcode))
		r.Expire(start + 60*second)
		got := r.one(t)
		require.Equal(t, want, got.ErrorType(), rcode)
		require.EqualValues(t, rcode, got.RCode)
	}
}

func TestRetransmittedQuestionCountsFromTheFirst(t *testing.T) {
	r := recording()
	q := udp(pod, resolver, 40000, question(7, "www.example.test", typeA))
	r.Observe(q)
	again := *q
	again.At = start + 2500*ms
	r.Observe(&again)
	p := answerTo(&again, answer(7, "www.example.test", typeA, success))
	r.Observe(p)
	got := r.one(t)
	require.Equal(t, 2501*time.Millisecond, got.Duration)
	require.EqualValues(t, 1, got.Retransmits)
	r.Observe(p)
	require.Equal(t, DNSCounters{Questions: 2, Answers: 2, Retransmits: 1, Duplicates: 1}, r.Counters())
	require.Empty(t, r.ended)
}

func TestTimeoutIsJudgedOnceAndAtItsTime(t *testing.T) {
	for _, expiredBefore := range []bool{true, false} { // whether Expire was called between
		r := recording()
		q := udp(pod, resolver, 40000, question(7, "www.example.test", typeA))
		r.Observe(q)
		r.Expire(start + 5*second - 1)
		require.Empty(t, r.ended)
		if expiredBefore {
			r.Expire(start + 5*second)
		}
		late := answerTo(q, answer(7, "www.example.test", typeA, success))
		late.At = start + 5*second
		r.Observe(late)
		got := r.one(t)
		require.True(t, got.TimedOut)
		require.Equal(t, "timeout", got.ErrorType())
		require.Equal(t, 5*time.Second, got.Duration)
		require.Zero(t, got.AnswerBytes)
		require.Equal(t, DNSCounters{Questions: 1, Answers: 1, Late: 1}, r.Counters())
		r.Expire(start + 60*second)
		require.Empty(t, r.ended)
		require.Equal(t, len(r.table.items)-1, 1)
		require.Empty(t, r.table.keys)
		require.Empty(t, r.table.clients)
	}
}

func TestRetryWithAnotherPortOrIDIsAnotherTransaction(t *testing.T) {
	r := recording()
	for _, port := range []uint16{40000, 40001} {
		for _, id := range []uint16{7, 8} {
			r.Observe(udp(pod, resolver, port, question(id, "www.example.test", typeA)))
		}
	}
	require.Equal(t, 4, r.Len())
	r.Observe(answerTo(udp(pod, resolver, 40001, nil), answer(7, "www.example.test", typeA, success)))
	got := r.one(t)
	require.EqualValues(t, 40001, got.ClientPort)
	require.EqualValues(t, 7, got.ID)
	require.Equal(t, 3, r.Len())
}

func TestPortAndIDAreReused(t *testing.T) {
	at, r := &clock{}, recording()
	r.ask(at, 7, "www.example.test", typeA, 0)
	r.ask(at, 7, "www.example.test", typeA, 0) // after its answer
	r.ask(at, 7, "www.example.test", typeAAAA, 0)
	r.ask(at, 7, "gone.example.test", typeA, int(nxdomain)) // held
	r.ask(at, 7, "gone.example.test", typeA, int(nxdomain)) // not any more
	require.Len(t, r.ended, 4)
	r.ask(at, 7, "slow.example.test", typeA, -1)
	at.now += 5 * second
	r.ask(at, 7, "slow.example.test", typeA, -1) // the first has timed out by now
	require.Len(t, r.ended, 5)
	require.True(t, r.ended[4].TimedOut)
	require.Equal(t, 1, r.Len())
	require.Zero(t, r.Counters().Retransmits)
	r.balanced(t)
}

func TestOneIDForSeveralQuestions(t *testing.T) {
	at, r := &clock{}, recording()
	names := []string{"a.test", "b.test", "c.test"}
	for _, name := range names {
		r.ask(at, 0, name, typeA, -1)
	}
	for _, name := range []string{"b.test", "c.test", "a.test"} {
		r.Observe(answerTo(udp(pod, resolver, 40000, nil), answer(0, name, typeA, success)))
		require.Equal(t, name, r.one(t).Name)
	}
}

func TestAnswerWithoutQuestionTeachesNothing(t *testing.T) {
	good := answer(7, "www.example.test", typeA, success, a("www.example.test", "198.18.0.66", 30))
	for why, change := range map[string]func(*Packet){
		"other id":       func(p *Packet) { setID(p.Payload, 8) },
		"other port":     func(p *Packet) { p.Tuple.DstPort++ },
		"other client":   func(p *Packet) { p.Tuple.Dst = addr("198.18.0.2") },
		"other server":   func(p *Packet) { p.Tuple.Src = addr("198.18.0.54") },
		"other protocol": func(p *Packet) { p.Tuple.Proto = flow.TCP; p.Payload = framed(p.Payload); p.Length = len(p.Payload) },
		"other name":     func(p *Packet) { p.Payload = answer(7, "www.evil.test", typeA, success) },
		"other type":     func(p *Packet) { p.Payload = answer(7, "www.example.test", typeAAAA, success) },
	} {
		r := recording()
		q := udp(pod, resolver, 40000, question(7, "www.example.test", typeA))
		r.Observe(q)
		p := answerTo(q, append([]byte(nil), good...))
		change(p)
		r.Observe(p)
		require.Empty(t, r.ended, why)
		require.EqualValues(t, 1, r.Counters().Unsolicited, why)
		r.Observe(answerTo(q, good))
		require.False(t, r.one(t).TimedOut, why)
	}
}

// TestErrorWithoutQuestionSection: servers that could not read the question send none back.
func TestErrorWithoutQuestionSection(t *testing.T) {
	bare := pack(dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true, RCode: 1}})
	at, r := &clock{}, recording()
	r.ask(at, 7, "www.example.test", typeA, -1)
	p := answerTo(udp(pod, resolver, 40000, nil), bare)
	r.Observe(p)
	require.Equal(t, "FORMERR", func() string { e := r.one(t); return e.ErrorType() }())
	r.Observe(p)
	r.ask(at, 7, "a.test", typeA, -1)
	r.ask(at, 7, "b.test", typeA, -1)
	r.Observe(p)
	require.Empty(t, r.ended, "it can be for either")
	require.EqualValues(t, 2, r.Counters().Unsolicited)
}

func TestOnlyRecordsThatTheQuestionLeadsToAreAnswers(t *testing.T) {
	at, r := &clock{}, recording()
	r.ask(at, 1, "www.example.test", typeA, 0,
		a("victim.test", "198.18.0.66", 30), // nobody asked
		a("e1.cdn.test", "198.18.0.80", 1<<31),
		cname("edge.cdn.test", "e1.cdn.test"), // before what leads to it
		cname("www.example.test", "edge.cdn.test"),
		cname("e1.cdn.test", "edge.cdn.test"), // and back
		a("WWW.example.test", "198.18.0.81", 30),
	)
	got := r.one(t)
	require.Equal(t, []Answer{{addr("198.18.0.80"), 0}, {addr("198.18.0.81"), 30}}, got.Answers)
	require.Equal(t, []string{"edge.cdn.test", "e1.cdn.test", "edge.cdn.test"}, got.Aliases)
}

func TestOtherClassesTeachNothing(t *testing.T) {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7},
		Questions: []dnsmessage.Question{{Name: dot("version.bind"), Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassCHAOS}},
	}
	r := recording()
	q := udp(pod, resolver, 40000, pack(m))
	r.Observe(q)
	m.Response = true
	record := a("version.bind", "198.18.0.80", 30)
	record.Header.Class = dnsmessage.ClassCHAOS
	m.Answers = []dnsmessage.Resource{record}
	r.Observe(answerTo(q, pack(m)))
	got := r.one(t)
	require.EqualValues(t, 3, got.Class)
	require.Empty(t, got.Answers)
}

func TestWhatIsNoDNSIsCounted(t *testing.T) {
	q := question(7, "www.example.test", typeA)
	loop := append([]byte(nil), q[:12]...)
	loop = append(loop, 0xc0, 12, 0, 1, 0, 1)
	set := func(offset int, v byte) []byte {
		b := append([]byte(nil), q...)
		b[offset] = v
		return b
	}
	for why, c := range map[string]struct {
		payload []byte
		want    DNSCounters
	}{
		"empty":              {nil, DNSCounters{Malformed: 1}},
		"short":              {q[:11], DNSCounters{Malformed: 1}},
		"HTTP":               {[]byte("GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"), DNSCounters{Malformed: 1}},
		"TLS":                {append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}, make([]byte, 200)...), DNSCounters{Malformed: 1}},
		"response to a port": {set(2, 0x80), DNSCounters{Malformed: 1}},
		"unknown operation":  {set(2, 7<<3), DNSCounters{Malformed: 1}},
		"two questions":      {set(5, 2), DNSCounters{Malformed: 1}},
		"no question":        {set(5, 0), DNSCounters{Malformed: 1}},
		"compression loop":   {loop, DNSCounters{Malformed: 1}},
		"long name":          {append(q[:12:12], []byte(strings.Repeat("\x3f"+strings.Repeat("x", 63), 1000))...), DNSCounters{Malformed: 1}},
		"cut in the name":    {q[:20], DNSCounters{Malformed: 1}},
		"notify":             {set(2, 4<<3), DNSCounters{Other: 1}},
		"update":             {set(2, 5<<3), DNSCounters{Other: 1}},
	} {
		r := recording()
		r.Observe(udp(pod, resolver, 40000, c.payload))
		require.Equal(t, c.want, r.Counters(), why)
		require.Zero(t, r.Len(), why)
	}
	r := recording()
	r.Observe(udp(pod, "224.0.0.251", 5353, q))
	other := udp(pod, resolver, 40000, q)
	other.Tuple.DstPort = 5353
	r.Observe(other)
	require.Equal(t, DNSCounters{Other: 2}, r.Counters())
}

func TestBrokenAnswerEndsTheTransaction(t *testing.T) {
	r := recording()
	q := udp(pod, resolver, 40000, question(7, "www.example.test", typeA))
	r.Observe(q)
	b := pack(dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, Response: true},
		Questions: []dnsmessage.Question{{Name: dot("www.example.test"), Type: typeA, Class: 1}},
	})
	binary.BigEndian.PutUint16(b[6:], 2)
	b = append(b, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 198, 18, 0, 80)
	b = append(b, 0xc0, byte(len(b)), 0, 1, 0, 1) // a pointer to itself
	r.Observe(answerTo(q, b))
	got := r.one(t)
	require.True(t, got.Malformed)
	require.Empty(t, got.Answers)
	require.EqualValues(t, 1, r.Counters().Malformed)
}

func TestCutSamplesGiveWhatIsInThem(t *testing.T) {
	r := recording()
	q := udp(pod, resolver, 40000, question(7, "www.example.test", typeA))
	q.Payload = q.Payload[:12+22] // the question, without EDNS's record
	r.Observe(q)
	p := answerTo(q, answer(7, "www.example.test", typeA, success, a("www.example.test", "198.18.0.80", 30), a("www.example.test", "198.18.0.81", 30)))
	whole := len(p.Payload)
	p.Payload = p.Payload[:12+22+16+5] // ends in the second record
	r.Observe(p)
	got := r.one(t)
	require.True(t, got.Cut)
	require.False(t, got.Malformed)
	require.Equal(t, []Answer{{addr("198.18.0.80"), 30}}, got.Answers)
	require.Equal(t, q.Length, got.QuestionBytes)
	require.Equal(t, whole, got.AnswerBytes)
	r.Observe(q)
	r.Observe(answerTo(q, answer(7, "www.example.test", typeA, success)))
	require.True(t, r.one(t).Cut, "the question was")
	for _, n := range []int{0, 5, 12, 20} {
		q.Payload = q.Payload[:n]
		r.Observe(q)
	}
	require.EqualValues(t, 4, r.Counters().Unread)
	require.Zero(t, r.Counters().Malformed)
}

// TestTransactionsAgreeWithASlowMatcher compares with a list that is searched from
// its beginning, and that forgets nothing.
func TestTransactionsAgreeWithASlowMatcher(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	r, slow := recording(func(c *DNSConfig) { c.MaxTransactions = 1 << 16 }), &slowMatcher{}
	now := start
	for range 20000 {
		now += flow.Nanos(rnd.IntN(int(100 * ms)))
		id, port := uint16(rnd.IntN(4)), uint16(40000+rnd.IntN(3))
		name := []string{"a.test", "b.test", "c.test"}[rnd.IntN(3)]
		q := udp(pod, resolver, port, question(id, name, typeA))
		q.At = now
		if rnd.IntN(2) == 0 {
			r.Observe(q)
			slow.ask(q, id, name)
		} else {
			p := answerTo(q, answer(id, name, typeA, dnsmessage.RCode(rnd.IntN(3))))
			p.At = now
			r.Observe(p)
			slow.answer(q, id, name)
		}
		if rnd.IntN(10) == 0 {
			r.Expire(now)
		}
	}
	r.Expire(now + 60*second)
	slow.expire(now + 60*second)
	want := map[slowKey]int{}
	for _, s := range slow.ended {
		want[s]++
	}
	got := map[slowKey]int{}
	for _, e := range r.ended {
		got[slowKey{e.ClientPort, e.ID, e.Name, e.Asked, flow.Nanos(e.Duration), e.TimedOut, e.Retransmits}]++
	}
	require.Equal(t, want, got)
	require.Greater(t, len(got), 5000)
	r.balanced(t)
}
