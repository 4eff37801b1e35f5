package names

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

const (
	pod      = "198.18.0.1"
	resolver = "198.18.0.53"

	typeA    = dnsmessage.TypeA
	typeAAAA = dnsmessage.TypeAAAA
	nxdomain = dnsmessage.RCodeNameError
	success  = dnsmessage.RCodeSuccess
)

// recorder keeps what Transactions hands over.
type recorder struct {
	*Transactions
	ended []Transaction
}

func recording(change ...func(*DNSConfig)) *recorder {
	config := NewDefaultDNSConfig()
	for _, f := range change {
		f(&config)
	}
	r := &recorder{}
	r.Transactions = NewTransactions(config, func(t *Transaction) {
		kept := *t
		kept.Answers, kept.Aliases = slices.Clone(t.Answers), slices.Clone(t.Aliases)
		r.ended = append(r.ended, kept)
	})
	return r
}

// one is the only transaction that ended since the last call.
func (r *recorder) one(t *testing.T) Transaction {
	t.Helper()
	require.Len(t, r.ended, 1)
	defer func() { r.ended = nil }()
	return r.ended[0]
}

// ask observes a question, and answers it after a millisecond unless rcode is below 0.
func (r *recorder) ask(at *clock, id uint16, name string, qtype dnsmessage.Type, rcode int, records ...dnsmessage.Resource) {
	q := udp(pod, resolver, 40000, question(id, name, qtype))
	q.At = at.next()
	r.Observe(q)
	if rcode >= 0 {
		p := answerTo(q, answer(id, name, qtype, dnsmessage.RCode(rcode), records...))
		p.At = at.next()
		r.Observe(p)
	}
}

// balanced checks that the counters account for every message.
func (r *recorder) balanced(t *testing.T) {
	t.Helper()
	c := r.Counters()
	answered := uint64(r.Held())
	for _, e := range r.ended {
		if !e.TimedOut {
			answered++
		}
	}
	require.Equal(t, c.Questions, c.Retransmits+c.Refused+uint64(len(r.ended)+r.Len()+r.Held()), "%+v", c)
	require.Equal(t, c.Answers, answered+c.Duplicates+c.Late+c.Unsolicited, "%+v", c)
}
