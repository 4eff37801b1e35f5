//go:build linux

package capture

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// receiveBuffer holds some thousands of link messages while we attach.
const receiveBuffer = 4 << 20

// routesPause is the least time between two readings of the routing table:
// interfaces come with many routes, uplinks change seldom. Where the table is
// large, reading takes no more than a part of the time.
const (
	routesPause = 100 * time.Millisecond
	routesPart  = 20
)

// dumpTime is how long a list is asked for again that changed while it was read.
const dumpTime = time.Second

// receivePause is the time until a socket is tried again that failed.
const receivePause = time.Second

// watcher follows interfaces, routes, addresses and filters by netlink, and
// tells the attachments what is there. One goroutine does it all.
type watcher struct {
	in      namespace
	netlink *netlink.Handle
	socket  *nl.NetlinkSocket
	logger  *zap.Logger
	sink    watchSink

	topology topology
	routes   chan struct{} // routes changed
	pause    time.Duration // until they are read
	again    chan struct{} // the sink shall have another look
	partial  bool          // the list of interfaces may lack some
	done     sync.WaitGroup
	stop     chan struct{}
}

// watchSink is told of the node's state. Calls come from one goroutine.
type watchSink interface {
	topologyChanged(t *topology)
	linkGone(index int)
	filtersChanged(index int)
	addressesChanged(addresses []netlink.Addr)
	lookAgain(t *topology) // poke was called, or messages were lost
}

func newWatcher(in namespace, handle *netlink.Handle, sink watchSink, logger *zap.Logger) *watcher {
	return &watcher{
		in: in, netlink: handle, logger: logger, sink: sink,
		routes: make(chan struct{}, 1),
		again:  make(chan struct{}, 1),
		stop:   make(chan struct{}),
	}
}

// start subscribes, reports what is there already, and follows.
func (w *watcher) start() error {
	groups := []uint{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_TC}
	err := w.in.do(func() (err error) {
		w.socket, err = nl.Subscribe(unix.NETLINK_ROUTE, groups...)
		return err
	})
	if err != nil {
		return fmt.Errorf("subscribe to netlink: %w", err)
	}
	if err := w.socket.SetReceiveBufferSize(receiveBuffer, true); err != nil {
		// Without CAP_NET_ADMIN in the initial user namespace the usual bound holds; what is lost is read again.
		_ = w.socket.SetReceiveBufferSize(receiveBuffer, false)
	}
	if err := w.resync(); err != nil {
		w.socket.Close()
		return err
	}
	messages := make(chan []syscall.NetlinkMessage)
	w.done.Go(func() { w.receive(messages) })
	w.done.Go(func() { w.follow(messages) })
	return nil
}

// close stops following and waits.
func (w *watcher) close() {
	close(w.stop)
	w.socket.Close()
	w.done.Wait()
}

// receive hands on messages; nil stands for messages that were lost.
func (w *watcher) receive(messages chan<- []syscall.NetlinkMessage) {
	defer close(messages)
	for {
		batch, from, err := w.socket.Receive()
		switch {
		case err == nil && from.Pid != nl.PidKernel:
			continue
		case errors.Is(err, unix.ENOBUFS):
			batch = nil
		case errors.Is(err, os.ErrClosed), errors.Is(err, unix.EBADF):
			return
		case err != nil:
			select {
			case <-w.stop:
				return
			default:
			}
			w.logger.Warn("cannot read netlink, reading all anew", zap.Error(err))
			batch = nil
			w.wait(receivePause)
		}
		select {
		case messages <- batch:
		case <-w.stop:
			return
		}
	}
}

// wait waits, or until the watcher stops.
func (w *watcher) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.stop:
	}
}

func (w *watcher) follow(messages <-chan []syscall.NetlinkMessage) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	pending := false // the pause runs
	for {
		select {
		case batch, open := <-messages:
			if !open {
				return
			}
			w.handle(batch)
		case <-w.again:
			if w.partial {
				w.readAnew()
			}
			w.sink.lookAgain(&w.topology)
		case <-w.routes:
			if !pending {
				pending = true
				pause.Reset(max(routesPause, w.pause))
			}
		case <-pause.C:
			pending = false
			if err := w.readRoutes(); err != nil {
				w.logger.Warn("cannot read routes", zap.Error(err))
				w.routesChanged()
				continue
			}
			w.sink.topologyChanged(&w.topology)
		case <-w.stop:
			return
		}
	}
}

func (w *watcher) handle(batch []syscall.NetlinkMessage) {
	if batch == nil {
		w.readAnew()
		w.sink.lookAgain(&w.topology)
		return
	}
	links, addresses := false, false
	for i := range batch {
		switch batch[i].Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			links = w.handleLink(&batch[i]) || links
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
			w.routesChanged()
		case unix.RTM_NEWADDR, unix.RTM_DELADDR:
			addresses = true
		case unix.RTM_NEWTFILTER, unix.RTM_DELTFILTER, unix.RTM_DELQDISC, unix.RTM_DELCHAIN:
			if len(batch[i].Data) >= nl.SizeofTcMsg {
				w.sink.filtersChanged(int(nl.DeserializeTcMsg(batch[i].Data).Ifindex))
			}
		}
	}
	if links {
		w.sink.topologyChanged(&w.topology)
	}
	if addresses {
		if err := w.readAddresses(); err != nil {
			w.logger.Warn("cannot read addresses", zap.Error(err))
		}
	}
}

// handleLink returns whether the topology changed.
func (w *watcher) handleLink(m *syscall.NetlinkMessage) bool {
	header := unix.NlMsghdr(m.Header)
	l, err := netlink.LinkDeserialize(&header, m.Data)
	if err != nil {
		w.logger.Warn("cannot read a link message", zap.Error(err))
		return false
	}
	index := l.Attrs().Index
	if bridgePortMessage(m.Data) {
		return false
	}
	if header.Type == unix.RTM_DELLINK {
		delete(w.topology.devices, index)
		delete(w.topology.routes, index)
		w.sink.linkGone(index)
		w.refreshPeer(index)
		return true
	}
	d := deviceOf(l)
	if d == w.topology.devices[index] {
		return d.kind == kindWireGuard // which port it uses is said elsewhere
	}
	w.topology.devices[index] = d
	if d.nsid < 0 {
		w.refreshPeer(index)
	}
	return true
}

// refreshPeer reads the other end of a pair whose one end left this namespace, or came
// back to it: only the end that moved is told of.
func (w *watcher) refreshPeer(moved int) {
	_, here := w.topology.devices[moved]
	for index, d := range w.topology.devices {
		if !d.isPair() || d.peer != moved || here == (d.nsid < 0) {
			continue
		}
		l, err := w.netlink.LinkByIndex(index)
		if err != nil {
			continue // gone as well, which will be told
		}
		w.topology.devices[index] = deviceOf(l)
	}
}

// bridgePortMessage: bridges tell of their ports under AF_BRIDGE; RTM_DELLINK then
// means that the port left, not that the interface is gone.
func bridgePortMessage(data []byte) bool {
	return len(data) > 0 && data[0] == unix.AF_BRIDGE
}

func (w *watcher) routesChanged() {
	select {
	case w.routes <- struct{}{}:
	default:
	}
}

// poke lets the sink have another look. Safe from any goroutine.
func (w *watcher) poke() {
	select {
	case w.again <- struct{}{}:
	default:
	}
}

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
