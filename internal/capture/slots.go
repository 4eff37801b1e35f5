//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// errNoSlot says that more interfaces are there than can be counted apart.
var errNoSlot = errors.New("no slot left")

// drainsBeforeReuse: a slot's last packets may count in both generations.
const drainsBeforeReuse = 2

// owners are the interfaces that slots count for; nil: free.
type owners [bpf.MaxInterfaces]*flow.Interface

// slots gives interfaces their places in the kernel's tables. Slot 0 is for
// packets of interfaces that have none.
type slots struct {
	table   *ebpf.Map // buckets by ifindex
	buckets map[uint32]bpf.Slot
	owner   owners
	inside  map[uint16]bool // count at a pod's own device
	resting map[uint16]int  // given back; drains until reuse
	next    int             // where the search for a free slot goes on
}

func newSlots(table *ebpf.Map) *slots {
	s := &slots{table: table, buckets: map[uint32]bpf.Slot{}, inside: map[uint16]bool{}, resting: map[uint16]int{}}
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
	bucket, err := s.bucketFor(ifindex)
	if err != nil {
		return err
	}
	entry := bpf.Slot{Ifindex: ifindex, Slot: slot, Flags: flags}
	if err := s.table.Put(bucket, entry); err != nil {
		return fmt.Errorf("publish slot of interface %d: %w", ifindex, err)
	}
	s.buckets[bucket] = entry
	return nil
}

// bucketFor is the one that has the ifindex already, or the first free one.
func (s *slots) bucketFor(ifindex uint32) (uint32, error) {
	free, found := uint32(0), false
	for i := range bpf.SlotProbes {
		bucket := (ifindex + i) % bpf.SlotBuckets
		held, used := s.buckets[bucket]
		if used && held.Ifindex == ifindex {
			return bucket, nil
		}
		if !used && !found {
			free, found = bucket, true
		}
	}
	if !found {
		return 0, fmt.Errorf("%d interfaces have an index like %d: %w", bpf.SlotProbes, ifindex, errNoSlot)
	}
	return free, nil
}

// rest gives back a slot. Programs still find it, for packets that are on their way;
// it can be taken again when all that it counted was drained.
func (s *slots) rest(slot uint16) { s.resting[slot] = drainsBeforeReuse }

// drained is told of each drain and frees what has rested long enough.
func (s *slots) drained() error {
	var errs []error
	for slot, drains := range s.resting {
		if drains > 1 {
			s.resting[slot] = drains - 1
			continue
		}
		delete(s.resting, slot)
		delete(s.inside, slot)
		s.owner[slot] = nil
		errs = append(errs, s.hide(slot))
	}
	return errors.Join(errs...)
}

// hide takes the slot out of the programs' table, unless its interface's index has
// another by now.
func (s *slots) hide(slot uint16) error {
	for bucket, entry := range s.buckets {
		if entry.Slot != slot {
			continue
		}
		delete(s.buckets, bucket)
		if err := s.table.Put(bucket, bpf.Slot{}); err != nil {
			return fmt.Errorf("retire slot of interface %d: %w", entry.Ifindex, err)
		}
	}
	return nil
}
