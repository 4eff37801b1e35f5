package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

// Options size the maps and switch on what the kernel has.
type Options struct {
	MaxFlows  int // IPv4 entries in each generation; IPv6 has a quarter
	Sampling  int // 1 in N data packets
	Conntrack bool
	Replay    bool // time comes from Objects.ReplayNow
}

// wakeAt is the fill, in percent, at which the kernel wakes user space.
const wakeAt = 70

// quotaOf is the part of a generation that one interface may fill unanswered.
const quotaOf = 8

// loaded is what the library assigns.
type loaded struct {
	flowMaps
	flowVariables
	PodIngress    *ebpf.Program `ebpf:"ebpfnet_pod_in"`
	PodEgress     *ebpf.Program `ebpf:"ebpfnet_pod_out"`
	UplinkIngress *ebpf.Program `ebpf:"ebpfnet_up_in"`
	UplinkEgress  *ebpf.Program `ebpf:"ebpfnet_up_out"`
	Variables     *ebpf.Map     `ebpf:".bss"`
	SlotData      *ebpf.Map     `ebpf:".data.slots"`
}

// Objects are the loaded programs and maps. Close releases all of them.
type Objects struct {
	loaded
	Slots *SlotTable

	options Options
}

// Load loads the programs of the tc hooks. Errors wrap the kernel's; a
// *ebpf.VerifierError is inside where the verifier refused.
func Load(o Options) (*Objects, error) {
	// Kernels before 5.11 charge maps to the locked memory limit.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("remove memlock limit: %w", err)
	}
	spec, err := o.spec()
	if err != nil {
		return nil, err
	}
	objects := &Objects{options: o}
	if err := spec.LoadAndAssign(&objects.loaded, nil); err != nil {
		return nil, fmt.Errorf("load flow programs: %w", err)
	}
	if objects.Slots, err = newSlotTable(objects.SlotData); err != nil {
		return nil, errors.Join(err, objects.Close())
	}
	return objects, nil
}

func (o Options) spec() (*ebpf.CollectionSpec, error) {
	spec, err := loadFlow()
	if err != nil {
		return nil, err
	}
	flows4, flows6 := uint32(o.MaxFlows), uint32(max(o.MaxFlows/4, 1))
	for name, entries := range map[string]uint32{
		flowMapFlows40: flows4, flowMapFlows41: flows4, flowMapNat40: flows4, flowMapNat41: flows4,
		flowMapFlows60: flows6, flowMapFlows61: flows6, flowMapNat60: flows6, flowMapNat61: flows6,
	} {
		spec.Maps[name].MaxEntries = entries
	}
	for _, outer := range []string{flowMapFlows4, flowMapNat4} {
		spec.Maps[outer].InnerMap.MaxEntries = flows4
	}
	for _, outer := range []string{flowMapFlows6, flowMapNat6} {
		spec.Maps[outer].InnerMap.MaxEntries = flows6
	}
	return spec, errors.Join(
		set(spec, flowVarUnansweredQuota, max(flows4/quotaOf, 1)),
		set(spec, flowVarWakeEntries4, max(flows4*wakeAt/100, 1)),
		set(spec, flowVarWakeEntries6, max(flows6*wakeAt/100, 1)),
		set(spec, flowVarSampling, uint32(o.Sampling)),
		set(spec, flowVarHasConntrack, o.Conntrack),
		set(spec, flowVarReplayClock, o.Replay),
	)
}

func set(spec *ebpf.CollectionSpec, name string, value any) error {
	if err := spec.Variables[name].Set(value); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

// LoadXDP loads the program for an uplink's XDP hook.
func (o *Objects) LoadXDP() (*ebpf.Program, error) {
	return o.loadMore(flowProgEbpfnetXdp, func(*ebpf.CollectionSpec) error { return nil })
}

// LoadInside loads the program for the ingress of one pod's own device, whose
// host end has hostIndex, and which counts in slot.
func (o *Objects) LoadInside(hostIndex uint32, slot uint16) (*ebpf.Program, error) {
	return o.loadMore(flowProgEbpfnetInside, func(spec *ebpf.CollectionSpec) error {
		return errors.Join(
			set(spec, flowVarInsideIfindex, hostIndex),
			set(spec, flowVarInsideSlot, slot),
			// Conntrack of the pod's namespace knows nothing of the node's translations.
			set(spec, flowVarHasConntrack, false),
		)
	})
}

// loadMore loads one more program onto the maps that are there.
func (o *Objects) loadMore(name string, adjust func(*ebpf.CollectionSpec) error) (*ebpf.Program, error) {
	spec, err := o.options.spec()
	if err != nil {
		return nil, err
	}
	if err := adjust(spec); err != nil {
		return nil, err
	}
	spec.Programs = map[string]*ebpf.ProgramSpec{name: spec.Programs[name]}
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: o.shared()})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	defer collection.Close()
	return collection.DetachProgram(name), nil
}

// shared are all maps but the constants, by their names in the object.
func (o *Objects) shared() map[string]*ebpf.Map {
	return map[string]*ebpf.Map{
		flowMapFlows4: o.Flows4, flowMapFlows40: o.Flows40, flowMapFlows41: o.Flows41,
		flowMapFlows6: o.Flows6, flowMapFlows60: o.Flows60, flowMapFlows61: o.Flows61,
		flowMapNat4: o.Nat4, flowMapNat40: o.Nat40, flowMapNat41: o.Nat41,
		flowMapNat6: o.Nat6, flowMapNat60: o.Nat60, flowMapNat61: o.Nat61,
		flowMapDrafts: o.Drafts, flowMapStats: o.Stats, flowMapUnanswered: o.Unanswered,
		flowMapRefused: o.Refused, flowMapRefusedTcp: o.RefusedTcp, flowMapFragments: o.Fragments,
		flowMapFill: o.Fill, flowMapOwnAddresses: o.OwnAddresses, flowMapTunnelPorts: o.TunnelPorts, flowMapWakes: o.Wakes,
		".bss": o.Variables, ".data.slots": o.SlotData,
	}
}

// MemoryBytes is the kernel memory of all maps, as the kernel accounts it.
func (o *Objects) MemoryBytes() (uint64, error) {
	var sum uint64
	for name, m := range o.shared() {
		info, err := m.Info()
		if err != nil {
			return 0, fmt.Errorf("info of map %s: %w", name, err)
		}
		if bytes, ok := info.Memlock(); ok {
			sum += bytes
		}
	}
	return sum, nil
}

// Rotation returns the maps of generation i, 0 or 1.
func (o *Objects) Rotation(i int) Generation {
	if i == 0 {
		return Generation{o.Flows40, o.Flows60, o.Nat40, o.Nat60}
	}
	return Generation{o.Flows41, o.Flows61, o.Nat41, o.Nat61}
}

// Close releases programs and maps. Links keep what they need.
func (o *Objects) Close() error {
	var errs []error
	for _, p := range []*ebpf.Program{o.PodIngress, o.PodEgress, o.UplinkIngress, o.UplinkEgress} {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, o.Variables.Close(), o.SlotData.Close(), o.flowMaps.Close())...)
}
