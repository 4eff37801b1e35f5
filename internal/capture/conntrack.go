//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// conntrackTimeout bounds how long an answer is waited for: the data path asks.
const conntrackTimeout = 1 // second

// conntrackGet is the type of a message that asks conntrack for a connection: its
// subsystem is NFNL_SUBSYS_CTNETLINK of include/uapi/linux/netfilter/nfnetlink.h.
const conntrackGet = 1<<8 | nl.IPCTNL_MSG_CT_GET

// translator asks conntrack by netlink, a connection a message: for kernels
// whose programs cannot ask, and for what they could not know yet.
type translator struct{ socket *nl.SocketHandle }

func newTranslator(in namespace) (*translator, error) {
	socket, err := nl.GetNetlinkSocketAt(in.handle, netns.None(), unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	if err := socket.SetReceiveTimeout(&unix.Timeval{Sec: conntrackTimeout}); err != nil {
		socket.Close()
		return nil, fmt.Errorf("open conntrack: %w", err)
	}
	t := &translator{&nl.SocketHandle{Socket: socket}}
	// a connection that is none: whether it may be asked for, and there is somebody who answers
	if _, err := t.find(flow.Tuple{Src: mapped(), Dst: mapped(), Proto: flow.UDP}); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// mapped is 0.0.0.0.
func mapped() flow.Addr { return flow.Addr{10: 0xff, 11: 0xff} }

func (t *translator) close() { t.socket.Close() }

// find returns the connection that has the tuple in one of its directions, nil
// if conntrack has none. Protocols without ports are not asked for.
func (t *translator) find(tuple flow.Tuple) (*flow.Translation, error) {
	if tuple.Proto != flow.TCP && tuple.Proto != flow.UDP && tuple.Proto != flow.SCTP {
		return nil, nil
	}
	request := nl.NewNetlinkRequest(conntrackGet, unix.NLM_F_ACK)
	request.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_NETFILTER: t.socket}
	request.AddData(&nl.Nfgenmsg{NfgenFamily: familyOf(tuple), Version: nl.NFNETLINK_V0})
	request.AddData(tupleAttribute(tuple))
	answers, err := request.Execute(unix.NETLINK_NETFILTER, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask conntrack: %w", needs(err, "CAP_NET_ADMIN"))
	}
	if len(answers) == 0 {
		return nil, nil
	}
	found, err := readConnection(answers[0])
	if err != nil {
		return nil, fmt.Errorf("read conntrack's answer: %w", err)
	}
	return found, nil
}
