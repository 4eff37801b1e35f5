package bpf

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"
)

// SlotTable is where programs look up the slot of an interface: SlotBuckets of
// Slot, in memory that is shared with them.
type SlotTable struct{ memory *ebpf.Memory }

const slotSize = 8

func newSlotTable(data *ebpf.Map) (*SlotTable, error) {
	memory, err := data.Memory()
	if err != nil {
		return nil, fmt.Errorf("map the table of slots: %w", err)
	}
	return &SlotTable{memory}, nil
}

// Put writes a bucket: an aligned word, which programs see whole.
func (t *SlotTable) Put(bucket uint32, s Slot) error {
	var word [slotSize]byte
	binary.NativeEndian.PutUint32(word[:], s.Ifindex)
	binary.NativeEndian.PutUint16(word[4:], s.Slot)
	binary.NativeEndian.PutUint16(word[6:], s.Flags)
	if _, err := t.memory.WriteAt(word[:], int64(bucket)*slotSize); err != nil {
		return fmt.Errorf("write bucket %d of the table of slots: %w", bucket, err)
	}
	return nil
}
