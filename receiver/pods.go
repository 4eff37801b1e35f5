//go:build linux

package receiver

import (
	"iter"
	"math"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Why a running pod of this node is not observed, or not fully.
const (
	noPacketsSeen = "no_packets_seen" // neither from it nor to it
	bypassed      = "bypassed"        // what is delivered to it passes the hooks by
)

// addressesAtMost bounds the addresses that are remembered: senders can pretend to have any.
const addressesAtMost = 16384

// podWatch knows which of the node's pods were seen at a veth. A nil one does not watch.
type podWatch struct {
	addresses map[flow.Addr]*flow.Interface
	pods      map[string]*flow.Interface // by UID, of those that run
}

func newPodWatch() *podWatch {
	return &podWatch{addresses: map[flow.Addr]*flow.Interface{}, pods: map[string]*flow.Interface{}}
}

// saw is told that packets of an address passed a pod's veth of this node.
func (w *podWatch) saw(a flow.Addr, at *flow.Interface) {
	if w == nil {
		return
	}
	if _, known := w.addresses[a]; !known && len(w.addresses) >= addressesAtMost {
		clear(w.addresses) // pods that were counted as seen stay so
	}
	w.addresses[a] = at
}

// unobserved counts, by reason, the pods that run now and are not observed.
func (w *podWatch) unobserved(running iter.Seq2[*flow.Endpoint, []flow.Addr]) map[string]int64 {
	counts := map[string]int64{noPacketsSeen: 0, bypassed: 0}
	pods := make(map[string]*flow.Interface, len(w.pods))
	for pod, addresses := range running {
		at := w.pods[pod.PodUID]
		for _, a := range addresses {
			if seen := w.addresses[a]; seen != nil {
				at = seen
			}
		}
		switch {
		case at == nil:
			counts[noPacketsSeen]++
			continue
		case at.UnknownUntil == math.MaxInt64:
			counts[bypassed]++
		}
		pods[pod.PodUID] = at
	}
	w.pods = pods
	return counts
}
