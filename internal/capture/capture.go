//go:build linux

package capture

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/bpf"
	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// checkInterval is how often hooks are looked at that nothing tells us about.
const checkInterval = 10 * time.Second

// Feature is something that depends on the kernel or on capabilities.
type Feature struct {
	Name string
	Err  error // why it is skipped; nil: it works
}

// Report is what one drain found besides records.
type Report struct {
	Records    int
	Length     time.Duration // of the generation
	Hooks      []HookCounts  // of all hooks that saw a packet
	Unobserved []Unobserved
	Refused    []Refused
	RefusedTCP []RefusedTCP
}

// AttachedKey groups captured hooks.
type AttachedKey struct {
	Role   flow.Role
	Kind   string // tcx, tc, xdp
	Egress bool
}

// Capture counts the packets of one network namespace. Drain, Translation and
// Close are for one goroutine, the rest for any.
type Capture struct {
	config   Config
	in       namespace
	objects  *bpf.Objects
	netlink  *netlink.Handle
	attached *attachments
	watcher  *watcher
	own      *addresses
	tunnels  *tunnels
	rotation *rotation
	drainer  *drainer
	overflow overflow
	waker    *waker
	nat      *translator
	features []Feature
	clock    clock
	logger   *zap.Logger

	swapped time.Time
	checked time.Time
}

// Options are what the configuration does not decide.
type Options struct {
	NetNS  string // path of the network namespace to capture; empty: the process's own
	Logger *zap.Logger
}

// New loads the programs and attaches them to what is there. Close the Capture
// when done; on an error there is nothing to close.
func New(config Config, options Options) (*Capture, error) {
	c := &Capture{config: config, logger: options.Logger}
	if err := c.open(options.NetNS); err != nil {
		return nil, errors.Join(err, c.release())
	}
	c.swapped = time.Now()
	c.checked = c.swapped
	if err := c.watcher.start(); err != nil {
		c.attached.close()
		return nil, errors.Join(err, c.release())
	}
	c.attached.afterDrain(c.Now())
	c.attached.askCheck()
	c.watcher.poke()
	return c, nil
}

func (c *Capture) open(netNS string) (err error) {
	if c.clock, err = newClock(); err != nil {
		return err
	}
	if c.in, err = openNamespace(netNS); err != nil {
		return err
	}
	if c.netlink, err = netlink.NewHandleAt(c.in.handle, unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	conntrackErr := bpf.HaveConntrack()
	c.features = append(c.features, Feature{"conntrack_bpf", conntrackErr})
	c.objects, err = bpf.Load(bpf.Options{
		MaxFlows:  c.config.MaxFlows,
		Sampling:  c.config.Sampling,
		Conntrack: conntrackErr == nil,
	})
	if err != nil {
		return explain(err)
	}
	if c.waker, err = newWaker(c.objects.Wakes); err != nil {
		return err
	}
	if c.nat, err = newTranslator(c.in); err != nil {
		c.features = append(c.features, Feature{"conntrack_netlink", err})
	} else {
		c.features = append(c.features, Feature{"conntrack_netlink", nil})
	}
	c.rotation = newRotation(c.objects)
	if err := c.openAttachments(); err != nil {
		return err
	}
	c.own = newAddresses(c.objects.OwnAddresses)
	c.tunnels = newTunnels(c.in, c.objects.TunnelPorts)
	c.drainer = newDrainer(c.objects, c.clock)
	c.overflow = overflow{objects: c.objects, last: map[bpf.RefusedKey]bpf.Amount{}}
	c.watcher = newWatcher(c.in, c.netlink, c, c.logger)
	return nil
}

// Now is the time on the clock of all records.
func (c *Capture) Now() flow.Nanos { return c.clock.now() }

// Wake is sent to when a generation fills up before its time.
func (c *Capture) Wake() <-chan struct{} { return c.waker.wake }

// IsOwn tells whether an address is one of the node's own.
func (c *Capture) IsOwn(a flow.Addr) bool { return c.own.has(a) }

// Features says what of the optional parts works here, and why the rest does not.
func (c *Capture) Features() []Feature { return c.features }

// MemoryBytes is the kernel memory of the maps.
func (c *Capture) MemoryBytes() (uint64, error) { return c.objects.MemoryBytes() }

// Attached counts the hooks that are in place, the interfaces that are not
// captured by reason, and the attempts that failed ever.
func (c *Capture) Attached() (hooks map[AttachedKey]int, failed map[string]int, failures map[string]uint64) {
	return c.attached.state()
}

// Current are the maps that the programs write now, for tests and benchmarks.
func (c *Capture) Current() bpf.Generation { return c.objects.Rotation(int(c.rotation.current & 1)) }

// Translation asks conntrack for the connection that a tuple belongs to; nil if it has none.
func (c *Capture) Translation(t flow.Tuple) (*flow.Translation, error) {
	if c.nat == nil {
		return nil, nil
	}
	return c.nat.find(t)
}

// Drain ends the generation and hands its connections to f, whose record is
// valid during the call only.
func (c *Capture) Drain(f func(*flow.Record)) (Report, error) {
	now := time.Now()
	report := Report{Length: now.Sub(c.swapped)}
	ended, err := c.rotation.swap()
	if err != nil {
		return report, err
	}
	c.swapped = now
	if err := c.drainEnded(ended, &report, f); err != nil {
		return report, err
	}
	if now.Sub(c.checked) >= checkInterval {
		c.checked = now
		c.attached.askCheck()
	}
	if c.attached.afterDrain(c.Now()) {
		c.watcher.poke()
	}
	return report, nil
}

func (c *Capture) drainEnded(ended uint32, report *Report, f func(*flow.Record)) (err error) {
	c.drainer.inside = c.attached.slotsNow(&c.drainer.owner)
	report.Records, err = c.drainer.drain(c.objects.Rotation(int(ended)), func(r *flow.Record) {
		c.attached.observe(r)
		f(r)
	})
	if err != nil {
		return err
	}
	if err := c.attached.report(ended, c.drainer, report); err != nil {
		return err
	}
	if refusedSome(report.Hooks) {
		if report.Refused, err = c.overflow.byProtocol(&c.drainer.owner); err != nil {
			return err
		}
		if report.RefusedTCP, err = c.overflow.tcp(ended); err != nil {
			return err
		}
	}
	return c.rotation.reset(ended)
}

func refusedSome(hooks []HookCounts) bool {
	for i := range hooks {
		if hooks[i].Overflow.Packets > 0 {
			return true
		}
	}
	return false
}

// Close detaches everything, drains both generations once more and releases
// what the kernel holds. No packet that was seen is lost.
func (c *Capture) Close(f func(*flow.Record), done func(Report)) error {
	c.attached.closing.Store(true)
	c.watcher.close()
	c.attached.close()
	var errs []error
	for range 2 {
		now := time.Now()
		report := Report{Length: now.Sub(c.swapped)}
		ended, err := c.rotation.swap()
		if err == nil {
			c.swapped = now
			err = c.drainEnded(ended, &report, f)
		}
		done(report)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, c.release())...)
}

func (c *Capture) release() error {
	var errs []error
	if c.waker != nil {
		errs = append(errs, c.waker.close())
	}
	if c.nat != nil {
		c.nat.close()
	}
	if c.attached != nil {
		c.attached.release()
	}
	if c.objects != nil {
		errs = append(errs, c.objects.Close())
	}
	if c.netlink != nil {
		c.netlink.Close()
	}
	c.in.close()
	return errors.Join(errs...)
}
