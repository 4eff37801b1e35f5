package capture

import (
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/check"
)

// Hooks that can be asked for.
const (
	HookAuto = "auto" // tcx where the kernel has it, else tc
	HookTCX  = "tcx"
	HookTC   = "tc"
	HookXDP  = "xdp" // what arrives at uplinks; everything else as with auto
)

const (
	insideAuto = "auto"
	insideOff  = "off"

	interfaceAuto = "auto"

	// maxFlowsLimit keeps kernel memory below 2 GiB: an entry takes 256 bytes in each generation.
	maxFlowsLimit = 4 << 20
)

// Config is the block `capture` of the receiver's configuration.
type Config struct {
	// Interfaces are names, globs (path.Match), or "auto": the host ends of pods' veth and netkit pairs, and uplinks.
	Interfaces []string `mapstructure:"interfaces"`
	// ExcludeInterfaces are names or globs that are left alone.
	ExcludeInterfaces []string `mapstructure:"exclude_interfaces"`
	// Hook is one of auto, tcx, tc, xdp.
	Hook string `mapstructure:"hook"`
	// InsidePods is auto or off: whether to attach to a pod's own device where packets bypass the host end.
	InsidePods string `mapstructure:"inside_pods"`
	// Sampling takes 1 in N data packets and multiplies them back.
	Sampling int `mapstructure:"sampling"`
	// MaxFlows bounds the kernel's IPv4 entries in each generation; IPv6 has a quarter.
	MaxFlows int `mapstructure:"max_flows"`
	// MaxConnections bounds the connections that user space follows.
	MaxConnections int `mapstructure:"max_connections"`
	// FlushInterval is the length of a generation.
	FlushInterval time.Duration `mapstructure:"flush_interval"`

	_ struct{}
}

// NewDefaultConfig works on any node.
func NewDefaultConfig() Config {
	return Config{
		Interfaces:     []string{interfaceAuto},
		Hook:           HookAuto,
		InsidePods:     insideAuto,
		Sampling:       1,
		MaxFlows:       65536,
		MaxConnections: 100000,
		FlushInterval:  time.Second,
	}
}

// Validate reports every wrong value at once.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Interfaces) == 0 {
		errs = append(errs, errors.New(`interfaces: must name at least one interface, a glob or "auto"`))
	}
	errs = append(errs, globs("interfaces", c.Interfaces), globs("exclude_interfaces", c.ExcludeInterfaces))
	return check.All(append(errs,
		check.OneOf("hook", c.Hook, HookAuto, HookTCX, HookTC, HookXDP),
		check.OneOf("inside_pods", c.InsidePods, insideAuto, insideOff),
		check.InRange("sampling", c.Sampling, 1, 1<<20),
		check.InRange("max_flows", c.MaxFlows, 8, maxFlowsLimit),
		check.InRange("max_connections", c.MaxConnections, 1, 10_000_000),
		check.Lasts("flush_interval", c.FlushInterval, 100*time.Millisecond, time.Minute),
	)...)
}

func globs(key string, patterns []string) error {
	var errs []error
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			errs = append(errs, fmt.Errorf("%s: %q is no name and no glob", key, pattern))
		}
	}
	return check.All(errs...)
}
