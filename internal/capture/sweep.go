//go:build linux

package capture

import (
	"fmt"

	"go.uber.org/zap"
)

// noClaim is the number of an instance that puts no filters.
const noClaim = -1

// sweepAll removes, once at the start, what crashed instances left at any interface.
func (a *attachments) sweepAll(t *topology) {
	for index, d := range t.devices {
		if d.loopback {
			continue
		}
		if err := a.sweep(place{index: index, name: d.name}); err != nil && !vanished(err) {
			a.logger.Warn("filters of an instance that crashed may be left", zap.String("interface", d.name), zap.Error(err))
		}
	}
}

// sweep removes the filters whose claim nobody holds, and their qdisc if it was made for
// them and has no others. What is not ours stays.
func (a *attachments) sweep(at place) error {
	by := newClsact(a.netlink, noClaim)
	if c, tc := a.tc.(*clsact); tc {
		by = c
	}
	removed := false
	for _, parent := range parents() {
		filters, err := listFilters(by.netlink, at.index, parent)
		if err != nil {
			return err
		}
		for _, f := range filters {
			name, number, ours := ourFilter(f)
			if !ours {
				continue
			}
			by.made[at.index] = by.made[at.index] || name == filterMadeQdisc
			if number != by.number && isClaimed(a.in, number) {
				continue
			}
			if err := by.netlink.FilterDel(f); err != nil && !gone(err) {
				return fmt.Errorf("remove stale filter: %w", err)
			}
			removed = true
		}
	}
	if !removed || !by.made[at.index] {
		return nil
	}
	return by.removeQdisc(at)
}
