//go:build linux

package capture

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// answersToProve is in how many generations a pod must answer what was not seen on its way to it:
// one answer may be a coincidence of two ends that both begin.
const answersToProve = 3

// bypass is what is known of an interface's deliveries. bpf_redirect_peer hands packets to a pod past the
// host end's egress hook (Cilium's host routing, Calico's eBPF data plane); silence there is then no
// evidence of anything. Guarded like the attachment.
type bypass struct {
	proven    bool // some reach the pod past the host end
	answered  bool // what to do about it was decided
	suspected bool // in this generation
	answers   int  // generations in which it was
}

// evidence is what a record says about how packets reach the sender of a direction.
type evidence uint8

const (
	noEvidence evidence = iota
	suspicion
	proof
)

// bypassEvidence tells whether the sender of direction d knows packets that were not seen on their way to
// it: in TCP it completed a handshake that it began, or sent data on one that it answered; in UDP it
// answered another pod of this node. All within one generation, so that no swap can have come between.
func bypassEvidence(r *flow.Record, d flow.Direction) evidence {
	from, to := &r.Dir[d], &r.Dir[d.Reverse()]
	if from.SentIf == nil || from.SentIf.Role != flow.PodSide || to.Delivered.Packets > 0 {
		return noEvidence
	}
	switch {
	case r.Key.Proto == flow.TCP && knowsAnswer(r, d):
		return proof
	case r.Key.Proto == flow.UDP && r.First != d && to.Sent.Packets > 0:
		return suspicion
	}
	return noEvidence
}

// knowsAnswer: an ACK without SYN acknowledges a SYN-ACK, and data on a connection that was answered
// comes after the handshake's last ACK.
func knowsAnswer(r *flow.Record, d flow.Direction) bool {
	from := &r.Dir[d]
	if from.Flags&(flow.SYN|flow.ACK) != flow.SYN|flow.ACK {
		return false
	}
	if r.SYN != 0 && r.SYNDir == d {
		return true // its SYN has no ACK: that one came later
	}
	return from.Payload > 0 && from.Flags&flow.RST == 0
}

// comparePeers finds deliveries past the host end by the kernel's own statistics: all that the other end of a
// pair received this end sent, or it came another way. Kernels before 6.6 do not count what
// bpf_redirect_peer delivers; there only the records show it.
func (a *attachments) comparePeers() {
	received := map[int]uint64{}
	for index, held := range a.byIndex {
		if held.iface.Role != flow.PodSide || held.device.nsid < 0 || held.bypass.answered {
			continue
		}
		if packets, err := peerReceived(a.in, held.device.nsid, held.device.peer); err == nil {
			received[index] = packets
		} // else it is gone, or this is not allowed
	}
	if len(received) == 0 {
		return
	}
	links, err := a.netlink.LinkList() // after the peers: what is sent meanwhile is no difference
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range links {
		packets, asked := received[l.Attrs().Index]
		if asked && packets > countersOf(l)[bpf.HookEgress].Packets {
			a.prove(a.byIndex[l.Attrs().Index])
		}
	}
}

// prove notes that deliveries bypass the host end. Until they are counted inside, they are unknown.
func (a *attachments) prove(held *attachment) {
	if !held.bypass.proven {
		held.bypass.proven = true
		held.unknown = notYet
	}
}

// peerReceived reads how many packets the other end of a pair received. Its
// namespace is named by the id that this one has for it, so no setns is needed.
func peerReceived(in namespace, nsid, index int) (uint64, error) {
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_REQUEST)
	message := nl.NewIfInfomsg(unix.AF_UNSPEC)
	message.Index = int32(index)
	request.AddData(message)
	request.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(nsid))))
	var packets uint64
	err := in.do(func() error {
		answers, err := request.Execute(unix.NETLINK_ROUTE, 0)
		if err != nil {
			return err
		}
		if len(answers) != 1 {
			return fmt.Errorf("%d answers", len(answers))
		}
		l, err := netlink.LinkDeserialize(nil, answers[0])
		if err != nil {
			return err
		}
		packets = countersOf(l)[bpf.HookIngress].Packets
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read the peer's statistics: %w", needs(err, "CAP_NET_ADMIN"))
	}
	return packets, nil
}

// answerBypasses decides about interfaces whose deliveries were found to bypass the host end since it was
// called last: they are counted at the pod's own device from now on, where that is allowed.
func (a *attachments) answerBypasses() {
	var found []*attachment
	a.mu.Lock()
	for _, held := range a.byIndex {
		if held.bypass.proven && !held.bypass.answered {
			held.bypass.answered = true
			found = append(found, held)
		}
	}
	a.mu.Unlock()
	if len(found) == 0 {
		return
	}
	pods := podNamespaces{}
	err := errInsideOff
	if a.insideAllowed {
		pods, err = a.findNamespaces(idsOf(found))
	}
	defer pods.close()
	for _, held := range found {
		a.countInside(held, pods, err)
	}
}

func (a *attachments) countInside(held *attachment, pods podNamespaces, err error) {
	if err == nil {
		err = a.goInside(held, pods)
	}
	if vanished(err) {
		return
	}
	if err != nil {
		a.logger.Warn("packets reach a pod past its host end: what is delivered there is unknown, not zero",
			zap.String("interface", held.iface.Name), zap.Error(err))
		return
	}
	a.logger.Info("packets reach a pod past its host end: deliveries are counted at the pod's own device",
		zap.String("interface", held.iface.Name))
}

func idsOf(held []*attachment) []int {
	ids := make([]int, len(held))
	for i, h := range held {
		ids[i] = h.device.nsid
	}
	return ids
}
