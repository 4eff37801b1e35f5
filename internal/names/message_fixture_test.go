package names

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func udp(from, to string, port uint16, payload []byte) *Packet {
	return &Packet{
		Tuple:   flow.Tuple{Src: addr(from), Dst: addr(to), SrcPort: port, DstPort: 53, Proto: flow.UDP},
		At:      start,
		Payload: payload,
		Length:  len(payload),
	}
}

// answerTo is a packet back, one millisecond later.
func answerTo(p *Packet, payload []byte) *Packet {
	return &Packet{Tuple: p.Tuple.Reverse(), At: p.At + ms, Payload: payload, Length: len(payload)}
}

func setID(message []byte, id uint16) { binary.BigEndian.PutUint16(message, id) }

func dot(name string) dnsmessage.Name {
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	return dnsmessage.MustNewName(name)
}

func question(id uint16, name string, qtype dnsmessage.Type) []byte {
	return pack(dnsmessage.Message{
		Header:      dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions:   []dnsmessage.Question{{Name: dot(name), Type: qtype, Class: dnsmessage.ClassINET}},
		Additionals: []dnsmessage.Resource{edns(0)},
	})
}

func answer(id uint16, name string, qtype dnsmessage.Type, rcode dnsmessage.RCode, records ...dnsmessage.Resource) []byte {
	return pack(dnsmessage.Message{
		Header:      dnsmessage.Header{ID: id, Response: true, RecursionDesired: true, RecursionAvailable: true, RCode: rcode & 0xf},
		Questions:   []dnsmessage.Question{{Name: dot(name), Type: qtype, Class: dnsmessage.ClassINET}},
		Answers:     records,
		Additionals: []dnsmessage.Resource{edns(rcode)},
	})
}

func pack(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func edns(rcode dnsmessage.RCode) dnsmessage.Resource {
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(1232, rcode, false); err != nil {
		panic(err)
	}
	return dnsmessage.Resource{Header: h, Body: &dnsmessage.OPTResource{}}
}

func resource(name string, ttl uint32, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dot(name), Class: dnsmessage.ClassINET, TTL: ttl}, Body: body}
}

func a(name, address string, ttl uint32) dnsmessage.Resource {
	ip := netip.MustParseAddr(address)
	if ip.Is4() {
		return resource(name, ttl, &dnsmessage.AResource{A: ip.As4()})
	}
	return resource(name, ttl, &dnsmessage.AAAAResource{AAAA: ip.As16()})
}

func cname(name, target string) dnsmessage.Resource {
	return resource(name, 300, &dnsmessage.CNAMEResource{CNAME: dot(target)})
}
