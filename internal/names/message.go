package names

import (
	"encoding/binary"
	"hash/maphash"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Bounds on what is read of one answer. Real ones stay far below.
const (
	maxRecords = 64 // of the answer section
	maxAliases = 16 // CNAMEs in a chain
	maxExtra   = 64 // of the additional section, in search of the EDNS record
)

const headerLength = 12 // RFC 1035, 4.1.1

// header is the beginning of a DNS message.
type header struct {
	id                  uint16
	response, truncated bool
	opcode              uint8
	rcode               uint16 // without EDNS's part
	questions, answers  uint16
}

func headerOf(b []byte) (h header, ok bool) {
	if len(b) < headerLength {
		return header{}, false
	}
	h = header{
		id:        binary.BigEndian.Uint16(b),
		response:  b[2]&0x80 != 0,
		opcode:    b[2] >> 3 & 0xf,
		truncated: b[2]&0x02 != 0,
		rcode:     uint16(b[3] & 0xf),
		questions: binary.BigEndian.Uint16(b[4:]),
		answers:   binary.BigEndian.Uint16(b[6:]),
	}
	return h, h.plausible()
}

// plausible: an operation that exists (IANA: 0-2, 4-6), one question, or none where it may
// be missing (RFC 7873, RFC 8490, RFC 9619), and a query has no answers and no error.
func (h *header) plausible() bool {
	if h.opcode == 0 && !h.response && (h.rcode != 0 || h.answers != 0) {
		return false
	}
	return h.opcode <= 6 && h.opcode != 3 && h.questions <= 1
}

// record is one record of an answer that leads from the question to an address.
type record struct {
	owner  uint64 // hash of the name it is about
	target uint64 // CNAME: hash of the name it leads to
	alias  string // CNAME: that name
	answer Answer // else
}

// reader reads DNS messages. What it hands out lasts until it reads the next.
type reader struct {
	seed    maphash.Seed
	parser  dnsmessage.Parser
	header  header
	name    []byte // of the question
	qtype   uint16
	class   uint16
	scratch []byte
	records [maxRecords]record
	aliases [maxAliases]string
	answers [maxRecords]Answer
}

// question reads header and question. unnamed: the message has no question.
func (r *reader) question(b []byte) (unnamed bool, err error) {
	if _, err = r.parser.Start(b); err != nil {
		return false, err
	}
	q, err := r.parser.Question()
	if err == dnsmessage.ErrSectionDone {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	r.name = appendName(r.name[:0], q.Name.Data[:q.Name.Length])
	r.qtype, r.class = uint16(q.Type), uint16(q.Class)
	return false, r.parser.SkipAllQuestions()
}

// answer reads the records after question. Those that do not lead from name to
// an address by CNAMEs are left out: nobody asked for them. With an error, the
// result is what was read before it.
func (r *reader) answer(name string) (answers []Answer, aliases []string, rcode uint16, err error) {
	rcode = r.header.rcode
	n := 0
	for n < maxRecords {
		h, e := r.parser.AnswerHeader()
		if e == dnsmessage.ErrSectionDone {
			break
		}
		if err = e; err != nil {
			break
		}
		var used bool
		if used, err = r.record(&h, &r.records[n]); err != nil {
			break
		}
		if used {
			n++
		}
	}
	answers, aliases = r.chain(name, r.records[:n])
	if err == nil && n < maxRecords {
		rcode, err = r.extended()
	}
	return answers, aliases, rcode, err
}

// record reads one record. used: it is an address or a CNAME.
func (r *reader) record(h *dnsmessage.ResourceHeader, to *record) (used bool, err error) {
	if h.Class != dnsmessage.ClassINET {
		return false, r.parser.SkipAnswer()
	}
	*to = record{answer: Answer{TTL: ttl(h.TTL)}}
	switch h.Type {
	case dnsmessage.TypeA:
		body, err := r.parser.AResource()
		if err != nil {
			return false, err
		}
		to.answer.Addr = mapped(body.A)
	case dnsmessage.TypeAAAA:
		body, err := r.parser.AAAAResource()
		if err != nil {
			return false, err
		}
		to.answer.Addr = body.AAAA
	case dnsmessage.TypeCNAME:
		body, err := r.parser.CNAMEResource()
		if err != nil {
			return false, err
		}
		to.target = r.hash(&body.CNAME)
		to.alias = string(r.scratch)
	default:
		return false, r.parser.SkipAnswer()
	}
	to.owner = r.hash(&h.Name)
	return true, nil
}

// chain follows the CNAMEs from name, in whatever order the records are.
func (r *reader) chain(name string, records []record) ([]Answer, []string) {
	var owners [maxAliases + 1]uint64
	owners[0] = maphash.String(r.seed, name)
	n := 0
	for n < maxAliases {
		next := -1
		for i := range records {
			if records[i].alias != "" && records[i].owner == owners[n] {
				next = i
				break
			}
		}
		if next < 0 {
			break
		}
		r.aliases[n] = records[next].alias
		records[next].alias = "" // each leads once, so that a loop ends
		n++
		owners[n] = records[next].target
	}
	found := r.answers[:0]
	for i := range records {
		if records[i].target != 0 {
			continue
		}
		for _, o := range owners[:n+1] {
			if o == records[i].owner {
				found = append(found, records[i].answer)
				break
			}
		}
	}
	return found, r.aliases[:n]
}

// extended is the response code with EDNS's part (RFC 6891, 6.1.3).
func (r *reader) extended() (rcode uint16, err error) {
	rcode = r.header.rcode
	if err = r.parser.SkipAllAnswers(); err == nil {
		err = r.parser.SkipAllAuthorities()
	}
	for range maxExtra {
		if err != nil {
			return rcode, err
		}
		h, e := r.parser.AdditionalHeader()
		if e == dnsmessage.ErrSectionDone {
			return rcode, nil
		}
		if e != nil {
			return rcode, e
		}
		if h.Type == dnsmessage.TypeOPT {
			return uint16(h.ExtendedRCode(dnsmessage.RCode(rcode))), nil
		}
		err = r.parser.SkipAdditional()
	}
	return rcode, err
}

// hash leaves the canonical name in scratch.
func (r *reader) hash(n *dnsmessage.Name) uint64 {
	r.scratch = appendName(r.scratch[:0], n.Data[:n.Length])
	return maphash.Bytes(r.seed, r.scratch)
}

// ttl: a value with the first bit set is to be taken for 0 (RFC 2181, 8).
func ttl(seconds uint32) uint32 {
	if seconds > 1<<31-1 {
		return 0
	}
	return seconds
}

// mapped is an IPv4 address mapped into IPv6.
func mapped(a [4]byte) flow.Addr {
	return flow.Addr{10: 0xff, 11: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}
}
