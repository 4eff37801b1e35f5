//go:build linux

package capture

import (
	"fmt"
	"math"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// silentDrains is how many generations an interface may send without receiving
// before the pod's own counter is looked at.
const silentDrains = 5

// unknownForGood: deliveries bypass us, and cannot be counted inside.
const unknownForGood = flow.Nanos(math.MaxInt64)

// bypass is what is known of an interface's deliveries. bpf_redirect_peer hands
// packets to a pod past the host end's egress hook (Cilium's host routing, Calico's
// eBPF data plane); silence there is then no evidence of anything.
type bypass struct {
	proven   bool   // some reach the pod past the host end
	silent   int    // drains with packets from the pod and none to it
	received uint64 // the pod's own rx packets at the last look, plus one; 0: not looked
	answered bool   // what to do about it was done
}

// acknowledgesUnseen tells whether the sender of direction d shows knowledge
// of packets that were not seen on their way to it: it completed a handshake that
// it began, or sent data on one that it answered, and nothing was delivered to it.
// All within one generation, so that no swap can have come between.
func acknowledgesUnseen(r *flow.Record, d flow.Direction) bool {
	from, to := &r.Dir[d], &r.Dir[d.Reverse()]
	if r.Key.Proto != flow.TCP || from.SentIf == nil || from.SentIf.Role != flow.PodSide || to.Delivered.Packets > 0 {
		return false
	}
	if from.Flags&(flow.SYN|flow.ACK) != flow.SYN|flow.ACK {
		return false
	}
	if r.SYN != 0 && r.SYNDir == d {
		return true // its SYN has no ACK: that one came later
	}
	return from.Payload > 0 && from.Flags&flow.RST == 0
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
		header := unix.NlMsghdr{Type: unix.RTM_NEWLINK}
		l, err := netlink.LinkDeserialize(&header, answers[0])
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

// watchSilence follows an interface that sends and never receives: if its
// peer's counter grows all the same, deliveries bypass us.
func (a *attachments) watchSilence(held *attachment, in, out flow.Count) {
	b := &held.bypass
	if b.proven || held.device.nsid < 0 || out.Packets > 0 {
		b.silent, b.received = 0, 0
		return
	}
	if in.Packets == 0 {
		return
	}
	if b.silent++; b.silent < silentDrains {
		return
	}
	received, err := peerReceived(a.in, held.device.nsid, held.device.peer)
	if err != nil {
		return // gone, or not allowed: TCP will show it
	}
	b.proven = b.received != 0 && received+1 > b.received
	b.received = received + 1
}

// countInside answers a proven bypass: deliveries are counted at the pod's own
// device from now on, where that is allowed, and are unknown else.
func (a *attachments) countInside(held *attachment, now flow.Nanos) {
	if held.bypass.answered {
		return
	}
	held.bypass.answered = true
	held.iface.UnknownUntil = unknownForGood
	err := errInsideOff
	if a.insideAllowed {
		err = a.goInside(held)
	}
	if err != nil {
		a.logger.Warn("packets reach a pod past its host end: what is delivered there is unknown, not zero",
			zap.String("interface", held.iface.Name), zap.Error(err))
		return
	}
	held.iface.UnknownUntil = now
	a.logger.Info("packets reach a pod past its host end: deliveries are counted at the pod's own device",
		zap.String("interface", held.iface.Name))
}
