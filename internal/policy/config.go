package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Config is the block `policy`.
type Config struct {
	Enabled bool `mapstructure:"enabled"`
	// Rules are audited beside the cluster's policies, in their order: the
	// first that matches decides. Nobody enforces them.
	Rules []RuleConfig `mapstructure:"rules"`
	// Candidates are files of policies that are not applied yet.
	Candidates []string `mapstructure:"candidates"`
	Suggest    Suggest  `mapstructure:"suggest"`
	// LearningTime is how long a workload is watched on this node before an
	// edge of it is new, or suggested.
	LearningTime time.Duration `mapstructure:"learning_time"`
	// MaxMemory bounds what is kept of pods and policies, in MiB.
	MaxMemory int `mapstructure:"max_memory"`

	_ struct{}
}

// Suggest is the block `policy::suggest`.
type Suggest struct {
	Enabled bool `mapstructure:"enabled"`

	_ struct{}
}

// RuleConfig is one of `policy::rules`.
type RuleConfig struct {
	Name   string   `mapstructure:"name"`
	From   Who      `mapstructure:"from"`
	To     Who      `mapstructure:"to"`
	Ports  []string `mapstructure:"ports"`  // 5432, 8000-8100, 53/udp
	Action string   `mapstructure:"action"` // allow | deny

	_ struct{}
}

// Who is one end of a rule: pods, or addresses. Without any key it is anyone.
type Who struct {
	// Namespaces are names; NamespaceSelector and PodSelector are written as
	// for kubectl. All that are given must hold.
	Namespaces        []string `mapstructure:"namespaces"`
	NamespaceSelector string   `mapstructure:"namespace_selector"`
	PodSelector       string   `mapstructure:"pod_selector"`
	CIDRs             []string `mapstructure:"cidrs"`

	_ struct{}
}

// Actions of rules.
const (
	actionAllow = "allow"
	actionDeny  = "deny"
)

// NewDefaultConfig is what holds for keys that the user did not set.
func NewDefaultConfig() Config {
	return Config{Enabled: true, LearningTime: 24 * time.Hour, MaxMemory: 256}
}

// Validate reports every wrong value at once, each with its path.
func (c Config) Validate() error {
	var errs []error
	if c.LearningTime < time.Minute {
		errs = append(errs, fmt.Errorf("learning_time: must be at least 1m, is %s", c.LearningTime))
	}
	if c.MaxMemory < 1 {
		errs = append(errs, fmt.Errorf("max_memory: must be at least 1 (MiB), is %d", c.MaxMemory))
	}
	for i, file := range c.Candidates {
		if file == "" {
			errs = append(errs, fmt.Errorf("candidates::%d: is empty", i))
		}
	}
	for i := range c.Rules {
		errs = append(errs, c.Rules[i].validate(fmt.Sprintf("rules::%d", i))...)
		if n := c.Rules[i].Name; slices.ContainsFunc(c.Rules[:i], func(o RuleConfig) bool { return o.Name == n }) {
			errs = append(errs, fmt.Errorf("rules::%d::name: %q stands there twice", i, n))
		}
	}
	return errors.Join(errs...)
}

func (r *RuleConfig) validate(path string) (errs []error) {
	if r.Name == "" {
		errs = append(errs, fmt.Errorf("%s::name: is required", path))
	}
	if r.Action != actionAllow && r.Action != actionDeny {
		errs = append(errs, fmt.Errorf("%s::action: must be one of allow, deny, not %q", path, r.Action))
	}
	for i, p := range r.Ports {
		if _, err := parsePort(p); err != nil {
			errs = append(errs, fmt.Errorf("%s::ports::%d: %w", path, i, err))
		}
	}
	errs = append(errs, r.From.validate(path+"::from")...)
	return append(errs, r.To.validate(path+"::to")...)
}

func (w *Who) validate(path string) (errs []error) {
	for i, n := range w.Namespaces {
		for _, why := range validation.IsDNS1123Label(n) {
			errs = append(errs, fmt.Errorf("%s::namespaces::%d: %q is no name of a namespace: %s", path, i, n, why))
		}
	}
	if _, err := parseSelector(w.NamespaceSelector); err != nil {
		errs = append(errs, fmt.Errorf("%s::namespace_selector: %w", path, err))
	}
	if _, err := parseSelector(w.PodSelector); err != nil {
		errs = append(errs, fmt.Errorf("%s::pod_selector: %w", path, err))
	}
	for i, text := range w.CIDRs {
		if _, err := netip.ParsePrefix(text); err != nil {
			errs = append(errs, fmt.Errorf("%s::cidrs::%d: %q is no CIDR", path, i, text))
		}
	}
	if len(w.CIDRs) > 0 && w.pods() {
		errs = append(errs, fmt.Errorf("%s: has both cidrs and keys that select pods", path))
	}
	return errs
}

// pods tells whether the end is given as pods.
func (w *Who) pods() bool {
	return len(w.Namespaces) > 0 || w.NamespaceSelector != "" || w.PodSelector != ""
}

func parseSelector(text string) ([]requirement, error) {
	s, err := labels.Parse(text)
	if err != nil {
		return nil, err
	}
	return requirementsIn(s)
}

// parsePort reads 5432, 8000-8100 or 53/udp.
func parsePort(text string) (port, error) {
	out := port{proto: anyProto}
	number, proto, named := strings.Cut(text, "/")
	if named {
		known := map[string]uint8{"tcp": flow.TCP, "udp": flow.UDP, "sctp": flow.SCTP}[proto]
		if known == 0 {
			return out, fmt.Errorf("%q: the protocol must be one of tcp, udp, sctp", text)
		}
		out.proto = known
	}
	from, to, ranged := strings.Cut(number, "-")
	if !ranged {
		to = from
	}
	lo, err1 := strconv.ParseUint(from, 10, 16)
	hi, err2 := strconv.ParseUint(to, 10, 16)
	if err1 != nil || err2 != nil || lo < 1 || lo > hi {
		return out, fmt.Errorf("%q is neither a port nor a range of ports, such as 5432, 8000-8100 or 53/udp", text)
	}
	out.lo, out.hi = uint16(lo), uint16(hi)
	return out, nil
}
