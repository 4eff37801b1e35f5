//go:build linux

package capture

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Refused are packets of one protocol that found no entry at a hook.
type Refused struct {
	Interface *flow.Interface
	Egress    bool
	Proto     uint8
	Count     flow.Count
}

// RefusedTCP are TCP segments to one destination that found no entry.
type RefusedTCP struct {
	Dst                 flow.Addr
	Port                uint16
	SYNs, SYNACKs, RSTs uint64
}

// overflow reads what found no entry. Only asked when something did.
type overflow struct {
	objects *bpf.Objects
	last    map[bpf.RefusedKey]bpf.Amount
}

// byProtocol is the difference to the call before. It runs while packets are
// counted: what is not in it yet is in the next one.
func (o *overflow) byProtocol(owner *owners) ([]Refused, error) {
	var refused []Refused
	var key bpf.RefusedKey
	var now bpf.Amount
	entries := o.objects.Refused.Iterate()
	for entries.Next(&key, &now) {
		count := since(now, o.last[key])
		if count == (flow.Count{}) {
			continue
		}
		o.last[key] = now
		refused = append(refused, Refused{owner[key.Slot], key.Hook == bpf.HookEgress, key.Proto, count})
	}
	if err := entries.Err(); err != nil {
		return nil, fmt.Errorf("read overflow by protocol: %w", err)
	}
	return refused, nil
}

// tcp takes out what a generation that rests refused.
func (o *overflow) tcp(generation uint32) ([]RefusedTCP, error) {
	var refused []RefusedTCP
	var done []bpf.RefusedTCPKey
	var key bpf.RefusedTCPKey
	var value bpf.RefusedTCP
	entries := o.objects.RefusedTcp.Iterate()
	for entries.Next(&key, &value) {
		if uint32(key.Generation) != generation {
			continue
		}
		done = append(done, key)
		refused = append(refused, RefusedTCP{address6(key.Addr), key.Port, value.Syns, value.Synacks, value.Rsts})
	}
	if err := entries.Err(); err != nil {
		return nil, fmt.Errorf("read overflow by destination: %w", err)
	}
	for _, key := range done {
		if err := o.objects.RefusedTcp.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil, fmt.Errorf("reset overflow by destination: %w", err)
		}
	}
	return refused, nil
}
