package reporter

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// station is an endpoint of a simulated cluster: on a node, or outside (node < 0).
type station struct {
	kind flow.Kind
	node int
}

// as is how a node sees the station.
func (s station) as(node int) *flow.Endpoint {
	return &flow.Endpoint{Kind: s.kind, Local: s.node == node && node >= 0}
}

// sighting is what one node sees of a direction, all that conntrack joins taken together.
type sighting struct {
	node     int
	src, dst station
	places   []Place
}

// route is how a connection goes from its initiator to who serves it.
type route struct {
	from, to station
	via      int  // node whose port the outside calls; < 0: none
	masked   bool // the node that forwards it puts its own address on it
}

func (r route) String() string {
	return fmt.Sprintf("%v/%d to %v/%d via %d masked %v", r.from.kind, r.from.node, r.to.kind, r.to.node, r.via, r.masked)
}

// forward says where packets from the initiator are seen.
func (r route) forward() []sighting {
	if r.via >= 0 {
		return r.forwardByPort()
	}
	from, to := r.from, r.to
	var all []sighting
	if from.node >= 0 {
		s := sighting{node: from.node, src: from, dst: to, places: leaving(from, to)}
		if r.masked {
			s.places = append(s.places, NodeSends)
			from = station{flow.Node, from.node}
		}
		all = append(all, s)
	}
	return joined(all, to, from)
}

// forwardByPort goes to a node's port first, which leads to a pod anywhere.
func (r route) forwardByPort() []sighting {
	at := sighting{node: r.via, src: r.from, dst: r.to, places: []Place{NodeReceives}}
	if r.to.node == r.via {
		at.places = append(at.places, arriving(r.to)...)
		return []sighting{at}
	}
	from := r.from
	if r.masked {
		at.places = append(at.places, NodeSends)
		from = station{flow.Node, r.via}
	} else {
		at.places = nil // in transit: the uplink counts nothing of it
	}
	return joined([]sighting{at}, r.to, from)
}

// back says where the answers are seen.
func (r route) back() []sighting {
	hidden := r.from // as who serves sees the initiator
	masker := r.from.node
	if r.via >= 0 {
		masker = r.via
	}
	if r.masked && masker != r.to.node {
		hidden = station{flow.Node, masker}
	}
	var all []sighting
	if r.to.node >= 0 {
		all = append(all, sighting{node: r.to.node, src: r.to, dst: hidden, places: leaving(r.to, hidden)})
	}
	switch {
	case masker >= 0 && (r.masked || r.via >= 0) && masker != r.to.node:
		s := sighting{node: masker, src: r.to, dst: r.from}
		if r.masked {
			s.places = append([]Place{NodeReceives}, arriving(r.from)...)
		}
		if r.masked && r.via >= 0 {
			s.places = append(s.places, NodeSends)
		}
		return append(all, s)
	case r.via >= 0:
		all[0].places = append(all[0].places, NodeSends) // under the address that was called
		return all
	}
	return joined(all, r.from, r.to)
}

// joined adds what the receiver's node sees, if that is another.
func joined(all []sighting, to, from station) []sighting {
	if to.node < 0 {
		return all
	}
	places := arriving(to)
	for i := range all {
		if all[i].node == to.node {
			if all[i].src.kind != flow.Node || to.kind != flow.Node {
				all[i].places = append(all[i].places, places...)
			}
			return all
		}
	}
	return append(all, sighting{node: to.node, src: from, dst: to, places: places})
}

// leaving is where a station's packets are seen at its own node.
func leaving(s, to station) []Place {
	switch {
	case s.kind == flow.Pod:
		return []Place{PodSends}
	case to.node == s.node:
		return nil // from a node to its own pod no uplink is passed
	default:
		return []Place{NodeSends}
	}
}

func arriving(s station) []Place {
	switch s.kind {
	case flow.Pod:
		return []Place{PodReceives}
	case flow.Node:
		return []Place{NodeReceives}
	default:
		return nil
	}
}

// counted is how often the nodes together count a direction, as the source's side and as
// the destination's.
func counted(mode Mode, sightings []sighting) (send, receive int) {
	for _, s := range sightings {
		v := Decide(mode, s.src.as(s.node), s.dst.as(s.node), false)
		for _, p := range s.places {
			if p == v.Send {
				send++
			}
			if p == v.Receive {
				receive++
			}
		}
	}
	return send, receive
}

// In a cluster of some nodes with some pods, whoever talks to whom, by which way,
// each direction counts at one place; with both, at each end that is in the cluster.
func TestEachDirectionCountsOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tried := map[string]bool{}
	for range 3000 {
		nodes := 1 + random.IntN(4)
		r := randomRoute(random, nodes)
		if tried[r.String()] || r.from == r.to {
			continue
		}
		tried[r.String()] = true
		for name, sightings := range map[string][]sighting{"forward": r.forward(), "back": r.back()} {
			send, _ := counted(Once, sightings)
			require.Equal(t, 1, send, "%v, %s, once: %+v", r, name, sightings)
		}
		requireBothEnds(t, r)
	}
	require.Greater(t, len(tried), 100)
}

func requireBothEnds(t *testing.T, r route) {
	t.Helper()
	for name, way := range map[string]struct {
		sightings []sighting
		src, dst  station
	}{"forward": {r.forward(), r.from, r.to}, "back": {r.back(), r.to, r.from}} {
		send, receive := counted(Both, way.sightings)
		wantSend := 0
		if len(leavingOf(way.src, way.dst)) > 0 {
			wantSend = 1
		}
		if r.masked && r.via >= 0 && r.via != r.to.node && name == "forward" {
			wantSend = 1 // nobody sees the outside's packets before the node that forwards them
		}
		wantReceive := 0
		if way.dst.node >= 0 {
			wantReceive = 1
		}
		require.Equal(t, [2]int{wantSend, wantReceive}, [2]int{send, receive}, "%v, %s, both: %+v", r, name, way.sightings)
	}
}

func leavingOf(s, to station) []Place {
	if s.node < 0 {
		return nil
	}
	return leaving(s, to)
}

func randomRoute(random *rand.Rand, nodes int) route {
	r := route{from: randomStation(random, nodes), to: randomStation(random, nodes), via: -1}
	switch {
	case r.from.node < 0 && r.to.node < 0:
		r.to = station{flow.Pod, random.IntN(nodes)}
	case r.from.kind == flow.Node && r.from.node == r.to.node && r.to.kind == flow.Node:
		r.to = station{flow.External, -1} // what a node says to itself passes no hook
	}
	if r.from.node < 0 && r.to.kind == flow.Pod && random.IntN(2) == 0 {
		r.via = random.IntN(nodes)
		r.masked = r.via != r.to.node && random.IntN(2) == 0
	}
	if r.from.kind == flow.Pod && r.from.node != r.to.node {
		r.masked = random.IntN(2) == 0
	}
	return r
}

func randomStation(random *rand.Rand, nodes int) station {
	switch random.IntN(3) {
	case 0:
		return station{flow.External, -1}
	case 1:
		return station{flow.Node, random.IntN(nodes)}
	default:
		return station{flow.Pod, random.IntN(nodes)}
	}
}
