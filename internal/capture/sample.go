//go:build linux

package capture

import (
	"errors"

	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// estimates is how many samples of an interface under traffic are taken to choose the lowest of.
const estimates = 3

// sample is what an interface counted by itself, and after that what its slot did. Packets that are on their
// way between the two are in the one and not in the other.
type sample struct{ all, seen flow.Count }

// balance is how far an interface's own statistics are ahead of what a slot saw: by what passed unseen and
// was told, and by what an attachment before this one saw.
type balance struct{ packets, bytes int64 }

func (s sample) balance() balance {
	return balance{int64(s.all.Packets - s.seen.Packets), int64(s.all.Bytes - s.seen.Bytes)}
}

// beyond is what one balance has and the other has not.
func (b balance) beyond(known balance) flow.Count {
	return flow.Count{
		Packets: uint64(max(b.packets-known.packets, 0)),
		Bytes:   uint64(max(b.bytes-known.bytes, 0)),
	}
}

func (b *balance) add(c flow.Count) {
	b.packets += int64(c.Packets)
	b.bytes += int64(c.Bytes)
}

// sample reads both hooks of an attachment.
func (a *attachments) sample(held *attachment) (both [2]sample, err error) {
	l, err := a.netlink.LinkByIndex(held.device.index)
	if err != nil {
		return both, err
	}
	return a.sampleOf(held, l)
}

// sampleAll reads both hooks of every attachment, by index; those that cannot be read are left out.
func (a *attachments) sampleAll() map[int][2]sample {
	links, err := dump(a.netlink.LinkList)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil
	}
	all := make(map[int][2]sample, len(a.byIndex))
	for _, l := range links {
		if held := a.byIndex[l.Attrs().Index]; held != nil {
			if both, err := a.sampleOf(held, l); err == nil {
				all[l.Attrs().Index] = both
			}
		}
	}
	return all
}

func (a *attachments) sampleOf(held *attachment, l netlink.Link) (both [2]sample, err error) {
	seen, err := a.seen(held)
	for i, all := range countersOf(l) {
		both[i] = sample{all, seen[i]}
	}
	return both, err
}

// seen is what the attachment's slot counted, in the units of the interface's own statistics. Those of
// pairs count super-packets as one, as they are handed over; for the rest it depends on the driver, and
// wire packets are the better guess.
func (a *attachments) seen(held *attachment) (counts [2]flow.Count, err error) {
	total, err := a.counters.total(held.slot)
	if err != nil {
		return counts, err
	}
	for i := range counts {
		counts[i] = since(total[i].Seen, held.base[i].Seen)
		if held.device.isPair() {
			segments := since(total[i].Segmented, held.base[i].Segmented)
			counts[i].Packets -= segments.Packets
			counts[i].Bytes -= segments.Bytes
		}
	}
	return counts, nil
}
