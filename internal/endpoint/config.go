package endpoint

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/ebpfnet/ebpfnetreceiver/internal/check"
)

// Config is the block `cidrs`: names for ranges of addresses outside of the cluster.
type Config map[string][]string

// Validate reports every wrong value at once.
func (c Config) Validate() error {
	var errs []error
	named := map[netip.Prefix]string{}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if name == "" {
			errs = append(errs, errors.New("a range needs a name"))
		}
		if len(c[name]) == 0 {
			errs = append(errs, fmt.Errorf("%s: names no range", name))
		}
		for _, text := range c[name] {
			p, err := netip.ParsePrefix(text)
			if err != nil || p.Addr().Is4In6() {
				errs = append(errs, fmt.Errorf("%s: %q is no range such as 192.0.2.0/24 or 2001:db8::/32", name, text))
				continue
			}
			if other, taken := named[p.Masked()]; taken {
				errs = append(errs, fmt.Errorf("%s: %s has a name already: %s", name, text, other))
			}
			named[p.Masked()] = name
		}
	}
	return check.All(errs...)
}
