package names

import (
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// BenchmarkTransaction is a question and its answer over UDP.
func BenchmarkTransaction(b *testing.B) {
	for name, c := range map[string]struct {
		rcode   dnsmessage.RCode
		records []dnsmessage.Resource
	}{
		"address":  {0, []dnsmessage.Resource{a("www.example.test", "198.18.0.80", 30)}},
		"aliases":  {0, []dnsmessage.Resource{cname("www.example.test", "edge.cdn.test"), cname("edge.cdn.test", "e1.cdn.test"), a("e1.cdn.test", "198.18.0.80", 30), a("e1.cdn.test", "198.18.0.81", 30)}},
		"nxdomain": {dnsmessage.RCodeNameError, nil},
	} {
		b.Run(name, func(b *testing.B) {
			ended := 0
			t := NewTransactions(NewDefaultDNSConfig(), func(*Transaction) { ended++ })
			q := udp("198.18.0.1", "198.18.0.53", 40000, question(1, "www.example.test", dnsmessage.TypeA))
			r := answerTo(q, answer(1, "www.example.test", dnsmessage.TypeA, c.rcode, c.records...))
			b.ReportAllocs()
			now := start
			for i := range b.N {
				now += 50_000 // 20,000 a second
				id, port := uint16(i), uint16(i>>4|0x8000)
				setID(q.Payload, id)
				setID(r.Payload, id)
				q.Tuple.SrcPort, r.Tuple.DstPort = port, port
				q.At, r.At = now, now+1000
				t.Observe(q)
				t.Observe(r)
				if i%1000 == 0 {
					t.Expire(now)
				}
			}
			b.StopTimer()
			t.Expire(now + 60*second)
			if ended != b.N {
				b.Fatalf("%d transactions ended, %d were made: %+v", ended, b.N, t.Counters())
			}
		})
	}
}

// BenchmarkSearch is a look-up through a pod's search list: four names that do not
// exist and one that does, each for A and AAAA. An operation is a look-up of ten transactions.
func BenchmarkSearch(b *testing.B) {
	var pairs [][2]*Packet
	for _, suffix := range []string{".shop.svc.cluster.local", ".svc.cluster.local", ".cluster.local", ".node.internal", ""} {
		for id, qtype := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			q := udp("198.18.0.1", "198.18.0.53", 40000, question(uint16(id), "www.example.test"+suffix, qtype))
			rcode := dnsmessage.RCodeNameError
			if suffix == "" {
				rcode = dnsmessage.RCodeSuccess
			}
			pairs = append(pairs, [2]*Packet{q, answerTo(q, answer(uint16(id), "www.example.test"+suffix, qtype, rcode))})
		}
	}
	searched := 0
	t := NewTransactions(NewDefaultDNSConfig(), func(t *Transaction) {
		if t.Searched {
			searched++
		}
	})
	b.ReportAllocs()
	now := start
	for i := range b.N {
		for _, p := range pairs {
			for k := range p {
				now += 10_000
				p[k].At = now
			}
			p[0].Tuple.SrcPort, p[1].Tuple.DstPort = uint16(i), uint16(i)
			t.Observe(p[0])
			t.Observe(p[1])
		}
	}
	b.StopTimer()
	if searched != 8*b.N {
		b.Fatalf("%d of %d NXDOMAINs were a search's", searched, 8*b.N)
	}
}

// BenchmarkLearn is the bookkeeping of an answer with one address that is known.
func BenchmarkLearn(b *testing.B) {
	l := NewLearned(NewDefaultDNSConfig())
	t := &Transaction{Client: addr("198.18.0.1"), Name: "www.example.test", Class: 1, Answers: []Answer{{addr("198.18.0.80"), 30}}}
	b.ReportAllocs()
	for i := range b.N {
		t.Asked = start + flow.Nanos(i)
		l.Learn(t)
	}
}

func BenchmarkName(b *testing.B) {
	l := filled()
	client, server := clientOf(13), serverOf(77)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, ok := l.Name(client, server, start+second); !ok {
			b.Fatal("not learned")
		}
	}
}

// BenchmarkMemoryOfNames tells what a learned name takes when the table is full: 64
// clients, 1024 names each, of 28 bytes.
func BenchmarkMemoryOfNames(b *testing.B) {
	var before, after runtime.MemStats
	for range b.N {
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := filled()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(l.Len()), "B/name")
		runtime.KeepAlive(l)
	}
}

func filled() *Learned {
	l := NewLearned(NewDefaultDNSConfig())
	for i := range 64 {
		for j := range 1024 {
			l.Learn(&Transaction{Client: clientOf(i), Name: fmt.Sprintf("host-%04d.service.example.io", j), Class: 1,
				Asked: start, Answers: []Answer{{serverOf(j), 30}}})
		}
	}
	return l
}

func clientOf(i int) flow.Addr { return mapped([4]byte{198, 18, 0, byte(i)}) }
func serverOf(i int) flow.Addr { return mapped([4]byte{198, 19, byte(i >> 8), byte(i)}) }
