package track

import (
	"errors"
	"fmt"
	"time"
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
	var errs []error
	if c.ActiveTimeout < time.Second {
		errs = append(errs, fmt.Errorf("active_timeout: must be at least 1s, is %s", c.ActiveTimeout))
	}
	if c.IdleTimeout < time.Second || c.IdleTimeout > time.Hour {
		errs = append(errs, fmt.Errorf("idle_timeout: must be from 1s to 1h, is %s", c.IdleTimeout))
	}
	return errors.Join(errs...)
}
