//go:build linux

package receiver

import (
	"iter"
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func address(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// runningPods lists pods by UID with their addresses, in no order, as the watcher does.
func runningPods(pods map[string][]string) iter.Seq2[*flow.Endpoint, []flow.Addr] {
	return func(yield func(*flow.Endpoint, []flow.Addr) bool) {
		for uid, addresses := range pods {
			var all []flow.Addr
			for _, a := range addresses {
				all = append(all, address(a))
			}
			if !yield(&flow.Endpoint{Kind: flow.Pod, Local: true, PodUID: uid}, all) {
				return
			}
		}
	}
}

func TestUnobservedPods(t *testing.T) {
	w := newPodWatch()
	require.Equal(t, map[string]int64{noPacketsSeen: 0, bypassed: 0}, w.unobserved(runningPods(nil)))

	pods := map[string][]string{"a": {"198.18.1.2", "fd00::2"}, "b": {"198.18.1.3"}, "c": {"198.18.1.4"}}
	require.EqualValues(t, 3, w.unobserved(runningPods(pods))[noPacketsSeen])

	hidden := veth("c")
	hidden.UnknownUntil = math.MaxInt64
	w.saw(address("fd00::2"), veth("a")) // by one of its addresses
	w.saw(address("198.18.1.4"), hidden)
	w.saw(address("198.18.7.7"), veth("b")) // what a pod claims to be is nobody
	require.Equal(t, map[string]int64{noPacketsSeen: 1, bypassed: 1}, w.unobserved(runningPods(pods)))

	hidden.UnknownUntil = sec(5) // counted inside from now on
	require.Equal(t, map[string]int64{noPacketsSeen: 1, bypassed: 0}, w.unobserved(runningPods(pods)))

	delete(pods, "b")
	require.Equal(t, map[string]int64{noPacketsSeen: 0, bypassed: 0}, w.unobserved(runningPods(pods)))
	require.Len(t, w.pods, 2, "pods that are gone are forgotten")
}

// Addresses are bounded; pods that were counted as seen stay so.
func TestAddressesOfPodsAreBounded(t *testing.T) {
	w := newPodWatch()
	pods := map[string][]string{"a": {"198.18.1.2"}}
	w.saw(address("198.18.1.2"), veth("a"))
	w.unobserved(runningPods(pods))
	var forged flow.Addr
	for i := range 2 * addressesAtMost {
		forged[13], forged[14], forged[15] = byte(i>>16), byte(i>>8), byte(i)
		w.saw(forged, veth("b"))
		require.LessOrEqual(t, len(w.addresses), addressesAtMost)
	}
	require.Zero(t, w.unobserved(runningPods(pods))[noPacketsSeen])
}

func TestNobodyWatches(t *testing.T) {
	var w *podWatch
	w.saw(address("198.18.1.2"), veth("a"))
}

// The data path tells whom it saw: senders and receivers at veths, and who serves a Service.
func TestDataTellsWhichPodsItSaw(t *testing.T) {
	r := newRig(t, nil)
	forward := seen(flow.UDP, webAddr, apiAddr, sec(0.5), way{from: veth("a"), bytes: 100}, way{})
	forward.NAT = &flow.Translation{Original: tupleOf(flow.UDP, webAddr, apiAddr), Reply: tupleOf(flow.UDP, dbAddr, webAddr)}
	delivered := seen(flow.UDP, webAddr, dbAddr, sec(0.5), way{to: veth("b"), delivered: 100}, way{})
	r.generation(sec(1), forward, delivered)
	r.generation(sec(2), seen(flow.UDP, outsideAddr, "198.18.1.7:1", sec(1.5), way{to: veth("c"), delivered: 100}, way{}))
	require.Equal(t, map[string]int64{noPacketsSeen: 1, bypassed: 0}, r.pods.unobserved(runningPods(map[string][]string{
		"web": {"198.18.1.2"}, "db": {"198.18.1.3"}, "c": {"198.18.1.7"}, "idle": {"198.18.1.8"},
	})))
}
