//go:build linux

package capture

import (
	"fmt"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
)

// rotation is the kernel's pair of generations. One is written, the other rests.
type rotation struct {
	objects *bpf.Objects
	current uint32
	zeroes  []int32
	indexes []uint32
}

func newRotation(objects *bpf.Objects) *rotation {
	return &rotation{
		objects: objects,
		zeroes:  make([]int32, bpf.MaxInterfaces),
		indexes: make([]uint32, bpf.MaxInterfaces),
	}
}

// swap makes the programs write the other generation, waits until none of them
// can still write the one that ended, and returns its index, 0 or 1.
func (r *rotation) swap() (uint32, error) {
	ended := r.current & 1
	if err := r.objects.Generation.Set(r.current + 1); err != nil {
		return 0, fmt.Errorf("swap generations: %w", err)
	}
	r.current++
	return ended, r.wait()
}

// wait returns when every program that runs now has ended: the kernel waits
// for that when an element of an array of maps is replaced (maybe_wait_bpf_programs
// in kernel/bpf/syscall.c), here by itself.
func (r *rotation) wait() error {
	if err := r.objects.Flows4.Put(uint32(0), r.objects.Rotation(0).Flows4); err != nil {
		return fmt.Errorf("wait for running programs: %w", err)
	}
	return nil
}

// reset makes a drained generation ready to be written again.
func (r *rotation) reset(generation uint32) error {
	for i := range r.indexes {
		r.indexes[i] = generation*uint32(bpf.MaxInterfaces) + uint32(i)
	}
	if _, err := r.objects.Unanswered.BatchUpdate(r.indexes, r.zeroes, nil); err != nil {
		return fmt.Errorf("reset quotas: %w", err)
	}
	if err := r.objects.Fill.Put(generation, bpf.Fill{}); err != nil {
		return fmt.Errorf("reset fill: %w", err)
	}
	return nil
}
