//go:build linux

package capture

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
)

// routesPause is the least time between two readings of the routing table:
// interfaces come with many routes, uplinks change seldom. Where the table is
// large, reading takes no more than a part of the time.
const (
	routesPause = 100 * time.Millisecond
	routesPart  = 20
)

// dumpTime is how long a list is asked for again that changed while it was read.
const dumpTime = time.Second

// readAnew reads everything after messages were lost.
func (w *watcher) readAnew() {
	if err := w.resync(); err != nil {
		w.partial = true
		w.logger.Warn("cannot read interfaces", zap.Error(err))
	}
}

// resync reads everything. What is missing from an interrupted list is not taken for gone.
func (w *watcher) resync() error {
	links, err := dump(w.netlink.LinkList)
	w.partial = errors.Is(err, netlink.ErrDumpInterrupted)
	if err != nil && !w.partial {
		return fmt.Errorf("list interfaces: %w", err)
	}
	devices := make(map[int]device, len(links))
	for _, l := range links {
		devices[l.Attrs().Index] = deviceOf(l)
	}
	for index, d := range w.topology.devices {
		if _, still := devices[index]; still {
			continue
		}
		if w.partial {
			devices[index] = d
		} else {
			w.sink.linkGone(index)
		}
	}
	w.topology.devices = devices
	if err := w.readAddresses(); err != nil {
		return err
	}
	if err := w.readRoutes(); err != nil {
		return err
	}
	w.sink.topologyChanged(&w.topology)
	return nil
}

// dump reads a list until no change came in between, which could have hidden a part of it.
func dump[T any](read func() ([]T, error)) ([]T, error) {
	began := time.Now()
	for {
		list, err := read()
		if !errors.Is(err, netlink.ErrDumpInterrupted) || time.Since(began) > dumpTime {
			return list, err
		}
	}
}

func (w *watcher) readRoutes() error {
	began := time.Now()
	routes, err := dump(func() ([]netlink.Route, error) { return mainRoutes(w.netlink) })
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	w.pause = routesPart * time.Since(began)
	w.topology.routes = usesOf(routes)
	return nil
}

func (w *watcher) readAddresses() error {
	addresses, err := dump(func() ([]netlink.Addr, error) { return w.netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	w.sink.addressesChanged(addresses)
	return nil
}
