package names

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// seeds are real messages and hostile ones.
func seeds(f *testing.F) (messages [][]byte) {
	for _, file := range []string{"search-glibc.pcap", "search-go.pcap"} {
		for _, p := range capture(f, file)[:6] {
			messages = append(messages, p.Payload)
		}
	}
	q := question(7, "www.example.test", typeA)
	r := answer(7, "www.example.test", typeA, success, cname("www.example.test", "a.test"), a("a.test", "198.18.0.80", 30))
	loop := append(q[:12:12], 0xc0, 12, 0, 1, 0, 1)
	pointers := append(r[:len(r):len(r)], bytes.Repeat([]byte{0xc0, 12}, 100)...)
	long := append(q[:12:12], bytes.Repeat(append([]byte{63}, bytes.Repeat([]byte{'x'}, 63)...), 1023)...)
	return append(messages, q, r, loop, pointers, long, r[:len(r)-3], q[:12], nil)
}

// FuzzMessages feeds messages, each with two bytes before it: whether it is from the
// server and by how much the sample is cut, and how much time passes.
func FuzzMessages(f *testing.F) {
	for _, m := range seeds(f) {
		f.Add(append(append([]byte{0, 1}, framed(m)...), append([]byte{1, 1}, framed(m)...)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := recording(small)
		now := start
		for len(b) >= 4 {
			server, cut := b[0]&1 == 1, int(b[0]>>1)
			now += flow.Nanos(b[1]) * 50 * ms
			n := min(int(binary.BigEndian.Uint16(b[2:])), len(b)-4)
			p := udp(pod, resolver, 40000, b[4:4+n])
			if server {
				p = answerTo(p, p.Payload)
			}
			p.At, p.Length = now, n
			p.Payload = p.Payload[:max(n-cut, 0)]
			r.Observe(p)
			if b[1]&1 == 1 {
				r.Expire(now)
			}
			b = b[4+n:]
		}
		r.balanced(t)
		r.Expire(now + 60*second)
		r.balanced(t)
		require.Zero(t, r.Len()+r.Held())
		for _, e := range r.ended {
			require.LessOrEqual(t, len(e.Name), 4*255)
			require.LessOrEqual(t, len(e.Answers), maxRecords)
			require.LessOrEqual(t, len(e.Aliases), maxAliases)
			require.GreaterOrEqual(t, e.Duration, 0*e.Duration)
		}
	})
}

// FuzzStream: a stream in other segments gives the same messages. The first byte
// of the input seeds the lengths of the segments.
func FuzzStream(f *testing.F) {
	for i, m := range seeds(f) {
		f.Add(append([]byte{byte(i)}, append(framed(m), framed(m)...)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		size, stream := int(b[0])+1, b[1:]
		if !wellFramed(stream) {
			size = len(stream) // only safety can be asked for
		}
		whole, cut := recording(), recording()
		q := udp(pod, resolver, 40000, nil)
		whole.Observe(tcp(q, 1, stream))
		for at := 0; at < len(stream); at += size {
			cut.Observe(tcp(q, 1+uint32(at), stream[at:min(at+size, len(stream))]))
		}
		if wellFramed(stream) {
			require.Equal(t, whole.Counters(), cut.Counters())
		}
	})
}

// wellFramed: questions one after the other, each within what is kept of a message.
func wellFramed(b []byte) bool {
	for len(b) >= prefix {
		n := int(binary.BigEndian.Uint16(b))
		if n > maxKept-prefix || len(b) < prefix+n {
			return false
		}
		var r reader
		h, ok := headerOf(b[prefix:][:n])
		if unnamed, err := r.question(b[prefix:][:n]); !ok || err != nil || unnamed || h.response {
			return false
		}
		b = b[prefix+n:]
	}
	return len(b) == 0
}
