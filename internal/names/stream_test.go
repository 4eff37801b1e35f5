package names

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// framed is a message as TCP carries it.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

// tcp is a segment of the direction that template has.
func tcp(template *Packet, seq uint32, payload []byte) *Packet {
	p := *template
	p.Tuple.Proto = flow.TCP
	p.Seq, p.Payload, p.Length = seq, payload, len(payload)
	return &p
}

// conversation is n questions and their answers as two streams.
func conversation(n int) (asks, answers []byte, q, r *Packet) {
	for i := range n {
		name := fmt.Sprintf("host%d.example.test", i)
		asks = append(asks, framed(question(uint16(i), name, typeA))...)
		answers = append(answers, framed(answer(uint16(i), name, typeA, success, a(name, fmt.Sprintf("198.18.1.%d", i), 30)))...)
	}
	q = udp(pod, resolver, 40000, nil)
	return asks, answers, q, answerTo(q, nil)
}

func TestMessagesOverTCPInAnySegments(t *testing.T) {
	const n = 8
	asks, answers, q, p := conversation(n)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		r := recording()
		for _, half := range []struct {
			template *Packet
			stream   []byte
		}{{q, asks}, {p, answers}} {
			first := rnd.Uint32() // wraps at times
			for at := 0; at < len(half.stream); {
				size := 1 + rnd.IntN(1<<rnd.IntN(9))
				end := min(at+size, len(half.stream))
				from := max(at-rnd.IntN(4)*rnd.IntN(20), 0) // some of it again
				s := tcp(half.template, first+uint32(from), half.stream[from:end])
				r.Observe(s)
				if rnd.IntN(4) == 0 {
					r.Observe(s) // retransmitted
				}
				at = end
			}
		}
		require.Len(t, r.ended, n)
		for i, e := range r.ended {
			require.EqualValues(t, i, e.ID)
			require.EqualValues(t, flow.TCP, e.Transport)
			require.Equal(t, []Answer{{addr(fmt.Sprintf("198.18.1.%d", i)), 30}}, e.Answers)
			require.False(t, e.Cut)
		}
		require.Equal(t, DNSCounters{Questions: n, Answers: n}, r.Counters())
	}
}

func TestMissingSegmentLosesItsMessageOnly(t *testing.T) {
	asks, answers, q, p := conversation(3)
	one := len(answers) / 3
	r := recording()
	r.Observe(tcp(q, 100, asks))
	r.Observe(tcp(p, 500, answers[:one+60])) // the second answer breaks off after its question
	r.Observe(tcp(p, 500+uint32(2*one), answers[2*one:]))
	require.Len(t, r.ended, 3)
	require.False(t, r.ended[0].Cut)
	require.True(t, r.ended[1].Cut)
	require.Equal(t, one-prefix, r.ended[1].AnswerBytes)
	require.Len(t, r.ended[2].Answers, 1)
	require.Equal(t, DNSCounters{Questions: 3, Answers: 3, Gaps: 1}, r.Counters())
}

func TestNewConnectionUnderTheSameTuple(t *testing.T) {
	asks, _, q, _ := conversation(2)
	r := recording()
	r.Observe(tcp(q, 100, asks[:30]))
	r.Observe(tcp(q, 1<<30, asks))
	require.EqualValues(t, 2, r.Counters().Questions)
	require.Zero(t, r.Counters().Gaps)
}

func TestLongMessageIsReadAtItsBeginning(t *testing.T) {
	long := answer(0, "host0.example.test", typeA, success, a("host0.example.test", "198.18.1.0", 30))
	long = append(long, make([]byte, 0xffff-len(long))...)
	stream := append(framed(long), framed(answer(1, "host1.example.test", typeA, success))...)
	asks, _, q, p := conversation(2)
	r := recording()
	r.Observe(tcp(q, 1, asks))
	for at := 0; at < len(stream); at += 1000 {
		r.Observe(tcp(p, uint32(at), stream[at:min(at+1000, len(stream))]))
	}
	require.Len(t, r.ended, 2)
	require.True(t, r.ended[0].Cut)
	require.Equal(t, 0xffff, r.ended[0].AnswerBytes)
	require.Len(t, r.ended[0].Answers, 1)
	require.LessOrEqual(t, cap(r.streams.items[r.streams.of[p.Tuple]].buffer), 2*maxKept)
}

func TestCutSegmentOfSeveralMessages(t *testing.T) {
	asks, answers, q, p := conversation(4)
	one := len(answers) / 4
	r := recording()
	r.Observe(tcp(q, 1, asks))
	cut := tcp(p, 1, answers[:3*one])
	cut.Payload = cut.Payload[:one+60]
	r.Observe(cut) // the third is not in the sample, and the fourth begins a segment
	r.Observe(tcp(p, 1+uint32(3*one), answers[3*one:]))
	require.Len(t, r.ended, 3)
	require.True(t, r.ended[1].Cut)
	require.EqualValues(t, 3, r.ended[2].ID)
	require.Equal(t, DNSCounters{Questions: 4, Answers: 3}, r.Counters())
}

func TestCutSegmentThatEndsWithinItsMessage(t *testing.T) {
	asks, answers, q, p := conversation(2)
	r := recording()
	r.Observe(tcp(q, 1, asks))
	one := len(answers) / 2
	cut := tcp(p, 1, answers[:one-10])
	cut.Payload = cut.Payload[:one-20]
	r.Observe(cut)
	r.Observe(tcp(p, 1+uint32(one-10), answers[one-10:])) // the end of the first, and the second
	require.Len(t, r.ended, 2)
	require.True(t, r.ended[0].Cut)
	require.False(t, r.ended[1].Cut)
	require.Zero(t, r.Counters().Malformed)
}

func TestGarbageOverTCPIsCountedAndBounded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	config := NewDefaultDNSConfig()
	config.MaxStreams = 10
	r := recording(func(c *DNSConfig) { *c = config })
	for i := range 2000 {
		b := make([]byte, 1+rnd.IntN(1400))
		for k := range b {
			b[k] = byte(rnd.Uint32())
		}
		p := tcp(udp(pod, resolver, uint16(i%50), nil), uint32(i*1400), b)
		r.Observe(p)
		require.LessOrEqual(t, len(r.streams.of), 10)
	}
	c := r.Counters()
	require.NotZero(t, c.Malformed)
	require.NotZero(t, c.Evicted)
	require.LessOrEqual(t, len(r.streams.items), 11)
	r.Expire(start + 60*second)
	require.Empty(t, r.streams.of)
}

// TestRealTruncatedAnswerIsAskedAgainOverTCP: dig and dnsmasq.
func TestRealTruncatedAnswerIsAskedAgainOverTCP(t *testing.T) {
	r := recording()
	for _, p := range capture(t, "tcp-dig.pcap") {
		r.Observe(p)
	}
	type line struct {
		transport uint8
		name      string
		qtype     string
		truncated bool
		answers   int
		long      bool
	}
	var got []line
	for _, e := range r.ended {
		got = append(got, line{e.Transport, e.Name, TypeName(e.Type), e.Truncated, len(e.Answers), e.AnswerBytes > 2000})
	}
	require.Equal(t, []line{
		{flow.UDP, "big.test", "TXT", true, 0, false},
		{flow.TCP, "big.test", "TXT", false, 0, true},
		{flow.TCP, "github.test", "A", false, 1, false},
		{flow.TCP, "big.test", "TXT", false, 0, true},
		{flow.TCP, "github.test", "AAAA", false, 1, false},
	}, got)
	require.Equal(t, DNSCounters{Questions: 5, Answers: 5}, r.Counters())
}
