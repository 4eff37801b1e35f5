//go:build linux

package capture

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

func TestBurstOfInterfacesLeavesNothingBehind(t *testing.T) {
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			many := lessInVM(100)
			node, pod := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod")
			c, logs := open(t, node, byHook(kind))
			s := newSums()
			held := heldBy(c)
			for i := range many {
				node.AddVeth(t, fmt.Sprintf("veth%d", i), 0, pod, fmt.Sprintf("eth%d", i))
			}
			waitFor(t, c, many)
			require.Equal(t, held.slots+many, heldBy(c).slots)
			for i := range many {
				node.DeleteLink(t, fmt.Sprintf("veth%d", i))
			}
			waitFor(t, c, 0)
			for range drainsBeforeReuse {
				s.drain(t, c)
			}
			after := heldBy(c)
			require.Equal(t, held.slots, after.slots)
			require.Equal(t, held.buckets, after.buckets)
			require.LessOrEqual(t, after.files, held.files)
			require.LessOrEqual(t, after.goroutines, held.goroutines)
			_, failed, failures := c.Attached()
			require.Empty(t, failed)
			require.Empty(t, failures, "an interface that is gone is no failure")
			s.close(t, c)
			s.requireIdentity(t)
			require.Empty(t, logs.FilterLevelExact(zapWarn).All())
		})
	}
}

// Interfaces that are gone before they are attached, made and deleted as fast as can be.
func TestInterfacesThatVanishInBetweenAreNoFailure(t *testing.T) {
	node, pod := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod")
	c, logs := open(t, node, nil)
	for i := range lessInVM(100) {
		node.AddVeth(t, fmt.Sprintf("veth%d", i), 0, pod, "eth0")
		node.DeleteLink(t, fmt.Sprintf("veth%d", i))
	}
	node.AddVeth(t, "last", 0, pod, "eth0")
	waitFor(t, c, 1)
	_, failed, failures := c.Attached()
	require.Empty(t, failed)
	require.Empty(t, failures)
	newSums().close(t, c)
	require.Empty(t, logs.FilterLevelExact(zapWarn).All())
}

// A drain reads maps; it does not wait for the kernel to attach hundreds of interfaces.
func TestDrainsGoOnWhileManyInterfacesAreAttached(t *testing.T) {
	many := lessInVM(120)
	node, pod := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod")
	c, _ := open(t, node, nil)
	s := newSums()
	var drains, waits []time.Duration
	s.during(t, c, func() {
		for i := range many {
			node.AddVeth(t, fmt.Sprintf("veth%d", i), 0, pod, fmt.Sprintf("eth%d", i))
		}
	})
	for hooksOf(c) < 2*many {
		began := time.Now()
		s.drain(t, c)
		drains = append(drains, time.Since(began))
		began = time.Now()
		require.NoError(t, c.rotation.wait())
		waits = append(waits, time.Since(began))
	}
	t.Logf("%d interfaces: %d drains meanwhile, median %v, of which the grace period is %v", many, len(drains), median(drains), median(waits))
	require.Less(t, median(drains), 100*time.Millisecond)
	s.close(t, c)
	s.requireIdentity(t)
}

// held is what a capture and this process hold.
type held struct{ slots, buckets, files, goroutines int }

func heldBy(c *Capture) held {
	runtime.GC()
	c.attached.mu.Lock()
	defer c.attached.mu.Unlock()
	h := held{buckets: len(c.attached.slots.buckets), goroutines: runtime.NumGoroutine()}
	for _, owner := range c.attached.slots.owner {
		if owner != nil {
			h.slots++
		}
	}
	files, _ := os.ReadDir("/proc/self/fd")
	h.files = len(files)
	return h
}
