package kube

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"k8s.io/klog/v2"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Events is what a Watcher tells of itself. Each function may be nil; none
// may block, and none is called after Shutdown.
type Events struct {
	// Status is told when something is wrong that may pass (the API server is
	// away, or refuses what is needed), and nil when all is well again.
	Status func(error)
	// Lag is how long after a pod's status changed its address became known
	// here, to the second, once for each pod that began after Start.
	Lag func(time.Duration)
}

// Watcher knows who is behind an address. Its methods are safe for concurrent
// use; Start and Shutdown are called once each.
type Watcher struct {
	cfg     Config
	logger  *zap.Logger
	events  Events
	ix      *index
	client  *client // nil without Kubernetes
	sources []*source
	health  *health
	uid     atomic.Pointer[string]

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New reads the configuration and the credentials; it does not speak with the
// API server. With mode off, and with auto outside a cluster, it returns a
// Watcher that knows nothing of any address.
func New(cfg Config, logger *zap.Logger, events Events) (*Watcher, error) {
	if events.Status == nil {
		events.Status = func(error) {}
	}
	if events.Lag == nil {
		events.Lag = func(time.Duration) {}
	}
	labels := slices.Sorted(slices.Values(cfg.Labels))
	w := &Watcher{
		cfg: cfg, logger: logger, events: events, cancel: func() {},
		ix: newIndex(cfg.nodeName(), labels, cfg.Remote == RemoteCIDR),
	}
	if err := w.connect(); err != nil {
		return nil, err
	}
	w.health = newHealth(w.sources, func() { w.ix.complete.Store(true) }, events.Status, logger)
	return w, nil
}

func (w *Watcher) connect() error {
	if w.cfg.Mode == ModeOff {
		return nil
	}
	rc, err := credentials(w.cfg)
	if errors.Is(err, errOutside) && w.cfg.Mode == ModeAuto {
		w.logger.Info("kubernetes: addresses are shown without names", zap.Error(err))
		return nil
	}
	if err != nil {
		return err
	}
	if w.client, err = newClient(rc, func(err error) { w.health.hear(err) }); err != nil {
		return err
	}
	w.sources, err = newSources(w.client, w.ix, w.cfg, w.ix.nodes.self.name)
	return err
}

// Start begins to watch, and returns at once.
func (w *Watcher) Start() {
	if w.client == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	ctx = klog.NewContext(ctx, klogTo(w.logger))
	for _, s := range w.sources {
		w.wg.Go(func() { s.run(ctx, w.ix, w.health, w.events.Lag) })
	}
	w.wg.Go(func() { w.tend(ctx) })
	w.wg.Go(func() {
		uid := clusterUID(ctx, w.client.meta, w.logger)
		w.uid.Store(&uid)
	})
}

// Shutdown ends all watching; what is known stays.
func (w *Watcher) Shutdown() {
	w.cancel()
	w.wg.Wait()
	if w.client != nil {
		w.client.close()
	}
}

// tend forgets what ended, and looks at the first lists when they are in.
func (w *Watcher) tend(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	settled := w.health.settled
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.ix.prune(flow.Nanos(now.UnixNano()))
		case <-settled:
			settled = nil
			w.checkNode()
		}
	}
}

// checkNode warns of a name that no node has: nothing would be local.
func (w *Watcher) checkNode() {
	w.ix.mu.RLock()
	defer w.ix.mu.RUnlock()
	if self := w.ix.nodes.self; self.id == (uid{}) && len(w.ix.nodes.byID) > 0 {
		w.logger.Warn("kubernetes: there is no node of this name; set kubernetes::node_name, or K8S_NODE_NAME from spec.nodeName",
			zap.String("node", self.name))
	}
}

// Synced is closed when the first lists are in, or will not come because the
// API server refuses them.
func (w *Watcher) Synced() <-chan struct{} { return w.health.settled }

// Enabled tells whether there is a cluster to know anything of.
func (w *Watcher) Enabled() bool { return w.client != nil }

// Lookup is who held the address at that time; 0 asks for the present holder.
// With Pending the endpoint is what to use when waiting brings nothing better,
// or nil. Endpoints are shared and stay the same pointer for as long as nothing
// about them changes. It does not allocate.
func (w *Watcher) Lookup(addr flow.Addr, at flow.Nanos) (*flow.Endpoint, Found) {
	if at == 0 {
		at = latest
	}
	return w.ix.lookup(addr, at)
}

// Backends is where a port of the Service leads, in no order.
func (w *Watcher) Backends(service flow.Addr, port uint16, proto uint8) []netip.AddrPort {
	return w.ix.backends(service, port, proto)
}

// Cluster is the cluster's name as configured, and its UID: that of the
// namespace kube-system, empty if not known (yet).
func (w *Watcher) Cluster() (name, uid string) {
	if p := w.uid.Load(); p != nil {
		uid = *p
	}
	return w.cfg.ClusterName, uid
}

// Node is this node.
func (w *Watcher) Node() *flow.Endpoint {
	w.ix.mu.RLock()
	defer w.ix.mu.RUnlock()
	return w.ix.nodes.self.who
}

// UnnamedPod is a pod of this node of which no more is known: whoever sits
// behind a local veth without being in the index.
func (w *Watcher) UnnamedPod() *flow.Endpoint {
	w.ix.mu.RLock()
	defer w.ix.mu.RUnlock()
	return w.ix.nodes.self.pod
}

// LocalPods are the running pods of this node that have addresses of their
// own, as they are at the call.
func (w *Watcher) LocalPods() iter.Seq2[*flow.Endpoint, []flow.Addr] {
	w.ix.mu.RLock()
	pods := make([]pod, 0, len(w.ix.nodes.self.pods))
	for p := range w.ix.nodes.self.pods {
		if p.running {
			pods = append(pods, pod{who: p.who, addrs: p.addrs})
		}
	}
	w.ix.mu.RUnlock()
	return func(yield func(*flow.Endpoint, []flow.Addr) bool) {
		for i := range pods {
			if !yield(pods[i].who, pods[i].addrs) {
				return
			}
		}
	}
}

// Objects is how many objects are known.
func (w *Watcher) Objects() Objects { return w.ix.objects() }
