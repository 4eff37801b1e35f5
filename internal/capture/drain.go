//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// batchSize is how many entries one system call moves.
const batchSize = 4096

// drainer empties a generation that rests. Its buffers are reused.
type drainer struct {
	keys4   []bpf.Flow4Key
	values4 []bpf.Flow4
	keys6   []bpf.Flow6Key
	values6 []bpf.Flow6
	nat4    map[bpf.Flow4Key]bpf.Nat4
	nat6    map[bpf.Flow6Key]bpf.Nat6

	owner    owners // of the slots, as they were after the swap
	inside   map[uint16]bool
	counters *counters

	decoder     decoder
	record      flow.Record
	translation flow.Translation
}

func newDrainer(objects *bpf.Objects, clock clock) *drainer {
	d := &drainer{
		keys4:   make([]bpf.Flow4Key, batchSize),
		values4: make([]bpf.Flow4, batchSize),
		keys6:   make([]bpf.Flow6Key, batchSize/4),
		values6: make([]bpf.Flow6, batchSize/4),
		nat4:    map[bpf.Flow4Key]bpf.Nat4{},
		nat6:    map[bpf.Flow6Key]bpf.Nat6{},

		counters: newCounters(objects.Stats),
	}
	d.decoder = decoder{owner: (*[bpf.MaxInterfaces]*flow.Interface)(&d.owner), clock: clock}
	return d
}

// drain hands every entry to f and leaves the maps empty. The record is valid
// during the call only. It returns how many there were.
func (d *drainer) drain(g bpf.Generation, f func(*flow.Record)) (records int, err error) {
	clear(d.nat4)
	clear(d.nat6)
	if err := drainInto(g.Nat4, d.nat4); err != nil {
		return 0, fmt.Errorf("drain translations: %w", err)
	}
	if err := drainInto(g.Nat6, d.nat6); err != nil {
		return 0, fmt.Errorf("drain translations: %w", err)
	}
	n4, err := drainBatches(g.Flows4, &d.keys4, &d.values4, func(k *bpf.Flow4Key, v *bpf.Flow4) { d.emit4(k, v, f) })
	if err != nil {
		return n4, fmt.Errorf("drain IPv4 flows: %w", err)
	}
	n6, err := drainBatches(g.Flows6, &d.keys6, &d.values6, func(k *bpf.Flow6Key, v *bpf.Flow6) { d.emit6(k, v, f) })
	if err != nil {
		return n4 + n6, fmt.Errorf("drain IPv6 flows: %w", err)
	}
	return n4 + n6, nil
}

func (d *drainer) emit4(k *bpf.Flow4Key, v *bpf.Flow4, f func(*flow.Record)) {
	r := &d.record
	r.Key = key4(k)
	r.NAT = nil
	if v.Nat == bpf.NATTranslated {
		if n, known := d.nat4[*k]; known {
			d.translation = translation4(&n, k.Proto)
			r.NAT = &d.translation
		}
	}
	d.decoder.fill(r, v)
	f(r)
}

func (d *drainer) emit6(k *bpf.Flow6Key, v *bpf.Flow6, f func(*flow.Record)) {
	r := &d.record
	r.Key = key6(k)
	r.NAT = nil
	if v.Flow.Nat == bpf.NATTranslated {
		if n, known := d.nat6[*k]; known {
			d.translation = translation6(&n, k.Proto)
			r.NAT = &d.translation
		}
	}
	d.decoder.fill(r, &v.Flow)
	f(r)
}

// drainBatches moves a map's entries out, a batch a system call. The map must
// not be written meanwhile. A bucket that is larger than the batch makes it grow.
func drainBatches[K, V any](m *ebpf.Map, keys *[]K, values *[]V, f func(*K, *V)) (int, error) {
	var cursor ebpf.MapBatchCursor
	total := 0
	for {
		n, err := m.BatchLookupAndDelete(&cursor, *keys, *values, nil)
		for i := range n {
			f(&(*keys)[i], &(*values)[i])
		}
		total += n
		switch {
		case err == nil:
		case errors.Is(err, ebpf.ErrKeyNotExist):
			return total, nil
		case errors.Is(err, unix.ENOSPC):
			*keys, *values = make([]K, 2*len(*keys)), make([]V, 2*len(*values))
		default:
			return total, err
		}
	}
}

func drainInto[K comparable, V any](m *ebpf.Map, into map[K]V) error {
	keys, values := make([]K, 256), make([]V, 256)
	_, err := drainBatches(m, &keys, &values, func(k *K, v *V) { into[*k] = *v })
	return err
}
