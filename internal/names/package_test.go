package names

import (
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ms     = flow.Nanos(1e6)
	second = 1000 * ms
	// start is when the tests' clocks begin.
	start = flow.Nanos(1_700_000_000) * second
)

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

// clock is a test's time.
type clock struct{ now flow.Nanos }

// next is a millisecond later.
func (c *clock) next() flow.Nanos {
	c.now = max(c.now, start) + ms
	return c.now
}
