package names

import (
	"slices"
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

const (
	dnsPort   = 53
	classINET = 1
)

// Transactions matches DNS questions with answers. It hands each transaction to
// done once: when it is answered or has timed out, and with NXDOMAIN when it is known
// whether the resolver goes on in its search list.
type Transactions struct {
	timeout  flow.Nanos
	suffixes suffixes
	done     func(*Transaction)
	count    DNSCounters
	reader   reader
	table    table
	streams  streams
}

// NewTransactions makes an empty table. done must not keep the Transaction, nor call back.
func NewTransactions(config DNSConfig, done func(*Transaction)) *Transactions {
	t := &Transactions{
		timeout:  flow.Nanos(config.Timeout),
		suffixes: newSuffixes(config.SearchSuffixes),
		done:     done,
		table:    newTable(config.MaxTransactions),
		streams:  newStreams(config.MaxStreams),
	}
	t.reader.seed = t.table.seed
	return t
}

// Counters are those since the beginning.
func (t *Transactions) Counters() DNSCounters { return t.count }

// Len is the number of questions that wait for an answer, and Held that of
// answered ones that wait for what the resolver does next.
func (t *Transactions) Len() int { return t.table.waiting.length }

// Held is the number of NXDOMAINs of which it is not known yet whether they are a search's.
func (t *Transactions) Held() int { return t.table.held.length }

// Observe takes a packet from or to port 53. Its times should not go back, but
// those of two CPUs may be out of order by what a ring buffer allows.
func (t *Transactions) Observe(p *Packet) {
	switch {
	case p.Tuple.SrcPort != dnsPort && p.Tuple.DstPort != dnsPort, multicast(p.Tuple.Dst):
		t.count.Other++
	case p.Tuple.Proto == flow.TCP:
		t.segment(p)
	default:
		t.message(p, p.Payload, p.length(), p.cut())
	}
}

// message takes one DNS message, whose size on the wire is given. It is false if that
// is no DNS.
func (t *Transactions) message(p *Packet, b []byte, size int, cut bool) bool {
	h, ok := headerOf(b)
	switch {
	case !ok && cut && len(b) < headerLength:
		t.count.Unread++
		return true
	case !ok || h.response && p.Tuple.SrcPort != dnsPort || !h.response && p.Tuple.DstPort != dnsPort:
		t.count.Malformed++
		return false
	case h.opcode != 0:
		t.count.Other++
		return true
	}
	t.reader.header = h
	unnamed, err := t.reader.question(b)
	switch {
	case err != nil && cut:
		t.count.Unread++
	case err != nil, unnamed && !h.response:
		t.count.Malformed++
		return false
	case h.response:
		t.count.Answers++
		t.answer(p, size, cut, unnamed)
	default:
		t.count.Questions++
		t.question(p, size, cut)
	}
	return true
}

func (t *Transactions) question(p *Packet, size int, cut bool) {
	k := keyOf(&p.Tuple, t.reader.header.id, false)
	if i := t.table.find(&k, &t.reader); i != none {
		e := &t.table.items[i]
		if e.state == waiting && p.At-e.Asked < t.timeout {
			e.Retransmits++
			t.count.Retransmits++
			return
		}
		t.conclude(i) // the client uses port and id anew
		t.table.remove(i)
	}
	i := t.take(&k)
	if i == none {
		t.count.Refused++
		return
	}
	e := &t.table.items[i]
	e.Transaction = Transaction{
		Client: k.client, Server: k.server, ClientPort: k.port, ID: k.id, Transport: k.proto,
		Interface: p.Interface, Name: string(t.reader.name), Type: t.reader.qtype, Class: t.reader.class,
		Asked: p.At, QuestionBytes: size, Cut: cut,
	}
	e.label = t.table.hashLabel(k.client, e.Name)
	t.table.wait(i, &k)
	t.wentOn(i)
}

// answer ends the transaction that an answer is for.
func (t *Transactions) answer(p *Packet, size int, cut, unnamed bool) {
	k := keyOf(&p.Tuple, t.reader.header.id, true)
	i := none
	if unnamed {
		i = t.table.only(&k)
	} else {
		i = t.table.find(&k, &t.reader)
	}
	if i == none {
		t.count.Unsolicited++
		return
	}
	e := &t.table.items[i]
	switch {
	case e.state == waiting && p.At-e.Asked >= t.timeout:
		t.timeOut(i)
		fallthrough
	case e.state == timedOut:
		t.count.Late++
		return
	case e.state != waiting:
		t.count.Duplicates++
		return
	}
	t.fill(&e.Transaction, p, size, cut)
	switch searched := e.RCode == noName && t.reached(i); {
	case e.RCode == noName:
		t.table.enlabel(i)
		if searched {
			break
		}
		e.Answers, e.Aliases = nil, slices.Clone(e.Aliases)
		t.table.hold(i, p.At)
		return
	case e.RCode == noError:
		t.succeeded(i)
	}
	t.finish(i, answered, p.At)
}

// fill puts what the answer says into the transaction.
func (t *Transactions) fill(to *Transaction, p *Packet, size int, cut bool) {
	var err error
	to.Answers, to.Aliases, to.RCode, err = t.reader.answer(to.Name)
	if err != nil && !cut {
		t.count.Malformed++
		to.Malformed, to.Answers, to.Aliases = true, nil, nil
	}
	to.Duration = time.Duration(max(p.At-to.Asked, 0))
	to.AnswerBytes = size
	to.Truncated = t.reader.header.truncated
	to.Cut = to.Cut || cut
}

// Expire ends what has waited for too long.
func (t *Transactions) Expire(now flow.Nanos) {
	for i := t.table.waiting.first; i != none && now-t.table.items[i].Asked >= t.timeout; i = t.table.waiting.first {
		t.timeOut(i)
	}
	for i := t.table.held.first; i != none && now-t.table.items[i].since >= t.patience(); i = t.table.held.first {
		t.conclude(i)
	}
	for i := t.table.past.first; i != none && now-t.table.items[i].since >= t.timeout; i = t.table.past.first {
		t.table.remove(i)
	}
	t.streams.expire(now)
}

// Close hands over what was answered and waits for what the resolver does next.
// Questions that wait for an answer are left: what would become of them is not known.
func (t *Transactions) Close() {
	for t.table.held.first != none {
		t.conclude(t.table.held.first)
	}
}

func (t *Transactions) timeOut(i int32) {
	e := &t.table.items[i]
	e.TimedOut = true
	e.Duration = time.Duration(t.timeout)
	t.finish(i, timedOut, e.Asked+t.timeout)
}

// conclude hands over what was not handed over yet, as it stands.
func (t *Transactions) conclude(i int32) {
	switch e := &t.table.items[i]; e.state {
	case waiting:
		t.timeOut(i)
	case held:
		t.finish(i, answered, e.since)
	}
}

// finish hands the transaction over. Its entry stays, while there is room, to tell
// what comes after it.
func (t *Transactions) finish(i int32, s state, at flow.Nanos) {
	e := &t.table.items[i]
	t.done(&e.Transaction)
	e.Answers, e.Aliases = nil, nil
	t.table.pass(i, s, at)
}

// take makes room for a question if need be: what is remembered of the past goes
// first, then NXDOMAINs stop waiting.
func (t *Transactions) take(k *key) int32 {
	for {
		i, why := t.table.take(k)
		switch {
		case why == full && t.table.past.first != none:
			t.table.remove(t.table.past.first)
		case why == full && t.table.held.first != none:
			t.count.Hurried++
			t.conclude(t.table.held.first)
		case why == crowded && i != none && t.table.items[i].state != waiting:
			t.conclude(i)
			t.table.remove(i)
		case why != free:
			return none
		default:
			return i
		}
	}
}

// multicast: mDNS and LLMNR ask everybody (RFC 6762, RFC 4795).
func multicast(a flow.Addr) bool { return a.Netip().IsMulticast() }
