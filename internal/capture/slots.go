//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// errNoSlot says that more interfaces are there than can be counted apart.
var errNoSlot = errors.New("no slot left")

// drainsBeforeReuse: a slot's last packets may count in both generations.
const drainsBeforeReuse = 2

// slots gives interfaces their places in the kernel's tables. Slot 0 is for
// packets of interfaces that have none.
type slots struct {
	table   *bpf.SlotTable
	buckets map[uint32]uint32
	owner   [bpf.MaxInterfaces]*flow.Interface // nil: free
	resting map[uint16]int                     // given back; drains until reuse
	next    int                                // where the search for a free slot goes on
}

func newSlots(table *bpf.SlotTable) *slots {
	s := &slots{table: table, buckets: map[uint32]uint32{}, resting: map[uint16]int{}}
	s.owner[0] = &flow.Interface{Name: "unknown"}
	return s
}

// take gives the interface a slot; programs find it after publish.
func (s *slots) take(i *flow.Interface) (uint16, error) {
	for range bpf.MaxInterfaces {
		s.next = (s.next + 1) % bpf.MaxInterfaces
		if s.owner[s.next] == nil {
			s.owner[s.next] = i
			return uint16(s.next), nil
		}
	}
	return 0, fmt.Errorf("all %d interface slots are in use: %w", bpf.MaxInterfaces-1, errNoSlot)
}

// publish lets programs find the slot by ifindex, or changes its flags.
func (s *slots) publish(ifindex uint32, slot, flags uint16) error {
	for i := range bpf.SlotProbes {
		bucket := (ifindex + i) % bpf.SlotBuckets
		if held, used := s.buckets[bucket]; used && held != ifindex {
			continue
		}
		if err := s.table.Put(bucket, bpf.Slot{Ifindex: ifindex, Slot: slot, Flags: flags}); err != nil {
			return fmt.Errorf("publish slot of interface %d: %w", ifindex, err)
		}
		s.buckets[bucket] = ifindex
		return nil
	}
	return fmt.Errorf("%d interfaces have an index like %d: %w", bpf.SlotProbes, ifindex, errNoSlot)
}

// retire hides the slot from programs; it can be taken again when what it
// counted was drained.
func (s *slots) retire(ifindex uint32, slot uint16) error {
	s.rest(slot)
	for i := range bpf.SlotProbes {
		bucket := (ifindex + i) % bpf.SlotBuckets
		if s.buckets[bucket] != ifindex {
			continue
		}
		delete(s.buckets, bucket)
		if err := s.table.Put(bucket, bpf.Slot{}); err != nil {
			return fmt.Errorf("retire slot of interface %d: %w", ifindex, err)
		}
	}
	return nil
}

// rest gives back a slot that programs do not find by ifindex.
func (s *slots) rest(slot uint16) { s.resting[slot] = drainsBeforeReuse }

// drained is told of each drain and frees what has rested long enough.
func (s *slots) drained() {
	for slot, drains := range s.resting {
		if drains > 1 {
			s.resting[slot] = drains - 1
			continue
		}
		delete(s.resting, slot)
		s.owner[slot] = nil
	}
}
