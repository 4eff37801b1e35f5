// Package reporter decides which node counts a direction of a connection, and at
// which of its hooks, so that in the sum of the cluster every packet counts once. It
// is a pure function of who stands at the two ends; it knows flow and nothing else.
package reporter

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// Mode is the configuration's `reporter`.
type Mode string

const (
	Once Mode = "once" // each packet at one place in the cluster
	Both Mode = "both" // at its source's and at its destination's side
)

// Place is a kind of hook at which a packet can be counted.
type Place uint8

const (
	Nowhere        Place = iota
	PodSends             // at the veth of the source's pod
	NodeSends            // at the uplink, from an address of this node
	PodReceives          // at the veth of the destination's pod
	NodeReceives         // at the uplink, to an address of this node
	numberOfPlaces       // for arrays by Place
)

// Counts are what one or more generations saw of a direction, by place.
type Counts [numberOfPlaces]flow.Count

// CountsOf sorts a record's direction by place.
func CountsOf(c *flow.Counts) (counts Counts) {
	if c.SentIf != nil {
		counts[sending(c.SentIf.Role)] = c.Sent
	}
	if c.DeliveredIf != nil {
		counts[receiving(c.DeliveredIf.Role)] = c.Delivered
	}
	counts[Nowhere] = flow.Count{}
	return counts
}

func sending(r flow.Role) Place {
	switch r {
	case flow.PodSide:
		return PodSends
	case flow.Uplink:
		return NodeSends
	default:
		return Nowhere
	}
}

func receiving(r flow.Role) Place {
	switch r {
	case flow.PodSide:
		return PodReceives
	case flow.Uplink:
		return NodeReceives
	default:
		return Nowhere
	}
}

// Verdict says where this node counts a direction.
type Verdict struct {
	Send    Place // as the source's side; in mode once, the only one
	Receive Place // as the destination's side, in mode both
	// Translated: the source is this node's address, something else was forwarded
	// under it, and what is not known. Outside of the sum.
	Translated bool
}

// Decide applies the rule to a direction from src to dst, the real ends behind
// translated addresses. nameless tells that the packets carry this node's address and
// that conntrack does not say what was forwarded under it.
//
// In mode once the first that applies counts: the pod that sends, at its veth;
// this node when it sends, at its uplink or at the veth of its own pod; for senders
// outside of the cluster, or unknown, the pod that receives, then the node that
// receives, and last the node that forwards under its own address, because the next
// node sees nothing but that. What other nodes send is theirs to count.
func Decide(mode Mode, src, dst *flow.Endpoint, nameless bool) Verdict {
	if mode == Both {
		return both(src, dst, nameless)
	}
	switch src.Kind {
	case flow.Pod:
		return Verdict{Send: local(src, PodSends)}
	case flow.Node:
		if !src.Local {
			return Verdict{}
		}
		if dst.Kind == flow.Pod && dst.Local {
			return Verdict{Send: PodReceives, Translated: nameless}
		}
		return Verdict{Send: NodeSends, Translated: nameless}
	case flow.Service:
		return Verdict{} // its packets are those of the pod that serves
	default:
		return Verdict{Send: arrival(dst)}
	}
}

// arrival is where packets from outside are counted.
func arrival(dst *flow.Endpoint) Place {
	switch {
	case dst.Kind == flow.Pod && dst.Local:
		return PodReceives
	case dst.Kind == flow.Node && dst.Local:
		return NodeReceives
	default:
		return NodeSends // seen there only if it was forwarded under this node's address
	}
}

func both(src, dst *flow.Endpoint, nameless bool) Verdict {
	v := Verdict{Translated: nameless && src.Kind == flow.Node && src.Local}
	switch src.Kind {
	case flow.Pod:
		v.Send = local(src, PodSends)
	case flow.Node:
		v.Send = local(src, NodeSends)
	case flow.External:
		if !dst.Local {
			v.Send = NodeSends
		}
	}
	switch dst.Kind {
	case flow.Pod:
		v.Receive = local(dst, PodReceives)
	case flow.Node:
		v.Receive = local(dst, NodeReceives)
	}
	return v
}

func local(e *flow.Endpoint, p Place) Place {
	if e.Local {
		return p
	}
	return Nowhere
}

// Seen is the count for the event about a connection: what this node saw of the
// direction, from the sender's own side if it could.
func Seen(counts *Counts, src, dst *flow.Endpoint) flow.Count {
	switch {
	case src.Kind == flow.Pod && src.Local:
		return counts[PodSends]
	case dst.Kind == flow.Pod && dst.Local:
		return counts[PodReceives]
	case src.Kind == flow.Node && src.Local:
		return counts[NodeSends]
	case dst.Kind == flow.Node && dst.Local:
		return counts[NodeReceives]
	default:
		return counts[NodeSends]
	}
}

// Logs tells whether the event about a connection is this node's to emit: it is
// where the initiator is, be it a pod or a node; if that is outside of the cluster,
// where the responder is, or where it was forwarded under a node's address. With an
// unknown initiator A stands for it, which is the same on all nodes.
func Logs(c *flow.Connection) bool {
	forward := c.Initiator.Direction()
	src, dst := c.Src(forward), c.Dst(forward)
	switch {
	case src.Kind == flow.Pod, src.Kind == flow.Node:
		return src.Local
	case dst.Kind == flow.Pod, dst.Kind == flow.Node:
		return dst.Local || c.NAT != nil && c.NAT.Reply.Dst != c.NAT.Original.Src
	default:
		return true
	}
}
