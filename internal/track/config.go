package track

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/check"
)

// TCP's timeouts. Unanswered: the client's SYN retries end after 127 s (Linux,
// tcp_syn_retries 6). Established: as long as quiet keeps it worth following.
const (
	unansweredTimeout = 130 * time.Second
	quietTimeout      = time.Hour
	closedTimeout     = 5 * time.Second
)

// Config are the timeouts that the block `flow_logs` decides.
type Config struct {
	ActiveTimeout time.Duration
	IdleTimeout   time.Duration // of all protocols but TCP
	Capacity      int           // connections at most
}

// Validate reports every wrong value at once.
func (c Config) Validate() error {
	return check.All(
		check.Lasts("active_timeout", c.ActiveTimeout, time.Second, 0),
		check.Lasts("idle_timeout", c.IdleTimeout, time.Second, time.Hour),
	)
}
