package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// ErrNoConntrack says that programs cannot ask conntrack on this kernel.
var ErrNoConntrack = errors.New("no conntrack functions for BPF (Linux 6.0 and newer, with nf_conntrack loaded)")

// conntrackFunction is one of the kfuncs of net/netfilter/nf_conntrack_bpf.c;
// they come together.
const conntrackFunction = "bpf_skb_ct_lookup"

// conntrackModule has the functions where conntrack is not built in.
const conntrackModule = "nf_conntrack"

// HaveConntrack returns nil if Options.Conntrack can be set, or an error that
// says why not.
func HaveConntrack() error {
	if spec, err := btf.LoadKernelSpec(); err == nil && hasConntrack(spec) {
		return nil
	}
	spec, err := btf.LoadKernelModuleSpec(conntrackModule)
	if err != nil || !hasConntrack(spec) {
		return fmt.Errorf("look for %s: %w", conntrackFunction, ErrNoConntrack)
	}
	// A program that calls into a module is loaded with a handle of its types.
	handle, err := btf.FindHandle(func(info *btf.HandleInfo) bool { return info.Name == conntrackModule })
	if err != nil {
		return fmt.Errorf("call into the module %s: needs CAP_SYS_ADMIN: %w", conntrackModule, err)
	}
	return handle.Close()
}

func hasConntrack(spec *btf.Spec) bool {
	var function *btf.Func
	return spec.TypeByName(conntrackFunction, &function) == nil
}
