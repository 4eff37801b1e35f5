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

// HaveConntrack returns nil if Options.Conntrack can be set, or an error that
// says why not.
func HaveConntrack() error {
	for _, load := range []func() (*btf.Spec, error){
		btf.LoadKernelSpec,
		func() (*btf.Spec, error) { return btf.LoadKernelModuleSpec("nf_conntrack") },
	} {
		spec, err := load()
		if err != nil {
			continue
		}
		var function *btf.Func
		if err := spec.TypeByName(conntrackFunction, &function); err == nil {
			return nil
		}
	}
	return fmt.Errorf("look for %s: %w", conntrackFunction, ErrNoConntrack)
}
