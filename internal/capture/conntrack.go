//go:build linux

package capture

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// translator asks conntrack by netlink, a connection a message: for kernels
// whose programs cannot ask, and for what they could not know yet.
type translator struct{ conn *conntrack.Conn }

func newTranslator(in namespace) (*translator, error) {
	config := &netlink.Config{}
	if in.handle.IsOpen() {
		config.NetNS = int(in.handle)
	}
	conn, err := conntrack.Dial(config)
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", needs(err, "CAP_NET_ADMIN"))
	}
	return &translator{conn}, nil
}

func (t *translator) close() error { return t.conn.Close() }

// find returns the connection that has the tuple in one of its directions, nil
// if conntrack has none.
func (t *translator) find(tuple flow.Tuple) (*flow.Translation, error) {
	ask := conntrack.Flow{TupleOrig: conntrack.Tuple{
		IP: conntrack.IPTuple{SourceAddress: tuple.Src.Netip(), DestinationAddress: tuple.Dst.Netip()},
		Proto: conntrack.ProtoTuple{
			Protocol: tuple.Proto, SourcePort: tuple.SrcPort, DestinationPort: tuple.DstPort,
		},
	}}
	found, err := t.conn.Get(ask)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask conntrack: %w", needs(err, "CAP_NET_ADMIN"))
	}
	return &flow.Translation{Original: tupleOf(found.TupleOrig), Reply: tupleOf(found.TupleReply)}, nil
}

func tupleOf(t conntrack.Tuple) flow.Tuple {
	return flow.Tuple{
		Src: addrOf(t.IP.SourceAddress), Dst: addrOf(t.IP.DestinationAddress),
		SrcPort: t.Proto.SourcePort, DstPort: t.Proto.DestinationPort, Proto: t.Proto.Protocol,
	}
}

func addrOf(a netip.Addr) flow.Addr {
	if !a.IsValid() {
		return flow.Addr{}
	}
	return flow.AddrFrom(a)
}
