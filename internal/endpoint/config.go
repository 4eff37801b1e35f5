package endpoint

import (
	"errors"
	"fmt"
	"net/netip"
)

// Config is the block `cidrs`: names for ranges of addresses outside of the cluster.
type Config map[string][]string

// Validate reports every wrong value at once.
func (c Config) Validate() error {
	var errs []error
	for name, ranges := range c {
		if name == "" {
			errs = append(errs, errors.New("a range needs a name"))
		}
		if len(ranges) == 0 {
			errs = append(errs, fmt.Errorf("%s: names no range", name))
		}
		for _, r := range ranges {
			if _, err := netip.ParsePrefix(r); err != nil {
				errs = append(errs, fmt.Errorf("%s: %q is no range such as 192.0.2.0/24 or 2001:db8::/32", name, r))
			}
		}
	}
	return errors.Join(errs...)
}
