//go:build linux

package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// How conntrack writes tuples: nested attributes, numbers in network byte order
// (include/uapi/linux/netfilter/nfnetlink_conntrack.h).

func familyOf(t flow.Tuple) uint8 {
	if t.Src.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// tupleAttribute is a connection's original tuple.
func tupleAttribute(t flow.Tuple) *nl.RtAttr {
	src, dst := nl.CTA_IP_V6_SRC, nl.CTA_IP_V6_DST
	if t.Src.Is4() {
		src, dst = nl.CTA_IP_V4_SRC, nl.CTA_IP_V4_DST
	}
	tuple := nested(nl.CTA_TUPLE_ORIG)
	ip := nested(nl.CTA_TUPLE_IP)
	ip.AddRtAttr(src, t.Src.Netip().AsSlice())
	ip.AddRtAttr(dst, t.Dst.Netip().AsSlice())
	tuple.AddChild(ip)
	proto := nested(nl.CTA_TUPLE_PROTO)
	proto.AddRtAttr(nl.CTA_PROTO_NUM, []byte{t.Proto})
	proto.AddRtAttr(nl.CTA_PROTO_SRC_PORT, binary.BigEndian.AppendUint16(nil, t.SrcPort))
	proto.AddRtAttr(nl.CTA_PROTO_DST_PORT, binary.BigEndian.AppendUint16(nil, t.DstPort))
	tuple.AddChild(proto)
	return tuple
}

func nested(kind int) *nl.RtAttr { return nl.NewRtAttr(unix.NLA_F_NESTED|kind, nil) }

// readConnection reads both tuples of an answer.
func readConnection(answer []byte) (*flow.Translation, error) {
	if len(answer) < nl.SizeofNfgenmsg {
		return nil, fmt.Errorf("%d bytes", len(answer))
	}
	found := &flow.Translation{}
	err := each(answer[nl.SizeofNfgenmsg:], func(kind uint16, value []byte) (err error) {
		switch kind {
		case nl.CTA_TUPLE_ORIG:
			found.Original, err = readTuple(value)
		case nl.CTA_TUPLE_REPLY:
			found.Reply, err = readTuple(value)
		}
		return err
	})
	if err == nil && (found.Original == flow.Tuple{} || found.Reply == flow.Tuple{}) {
		err = fmt.Errorf("a tuple is missing")
	}
	return found, err
}

func readTuple(data []byte) (t flow.Tuple, err error) {
	err = each(data, func(kind uint16, value []byte) error {
		switch kind {
		case nl.CTA_TUPLE_IP:
			return each(value, func(kind uint16, value []byte) error { return readAddress(&t, kind, value) })
		case nl.CTA_TUPLE_PROTO:
			return each(value, func(kind uint16, value []byte) error { return readPort(&t, kind, value) })
		}
		return nil
	})
	return t, err
}

func readAddress(t *flow.Tuple, kind uint16, value []byte) error {
	address, ok := netip.AddrFromSlice(value)
	if !ok {
		return fmt.Errorf("an address of %d bytes", len(value))
	}
	switch kind {
	case nl.CTA_IP_V4_SRC, nl.CTA_IP_V6_SRC:
		t.Src = flow.AddrFrom(address)
	case nl.CTA_IP_V4_DST, nl.CTA_IP_V6_DST:
		t.Dst = flow.AddrFrom(address)
	}
	return nil
}

func readPort(t *flow.Tuple, kind uint16, value []byte) error {
	switch {
	case kind == nl.CTA_PROTO_NUM && len(value) == 1:
		t.Proto = value[0]
	case kind == nl.CTA_PROTO_SRC_PORT && len(value) == 2:
		t.SrcPort = binary.BigEndian.Uint16(value)
	case kind == nl.CTA_PROTO_DST_PORT && len(value) == 2:
		t.DstPort = binary.BigEndian.Uint16(value)
	case kind <= nl.CTA_PROTO_DST_PORT:
		return fmt.Errorf("a port of %d bytes", len(value))
	}
	return nil
}

// each calls f for every attribute, with its kind and value. They are padded to words, and the library
// relies on that.
func each(data []byte, f func(kind uint16, value []byte) error) error {
	if len(data)%unix.NLA_ALIGNTO != 0 {
		return fmt.Errorf("attributes of %d bytes", len(data))
	}
	attributes, err := nl.ParseRouteAttr(data)
	if err != nil {
		return err
	}
	for _, a := range attributes {
		if err := f(a.Attr.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), a.Value); err != nil {
			return err
		}
	}
	return nil
}
