//go:build linux

package capture

import (
	"errors"

	"github.com/cilium/ebpf"
)

// hook is a program at one place of one interface.
type hook interface {
	// Close detaches the program; a place that vanished meanwhile is no error.
	Close() error
	// Drop forgets a hook whose interface is gone. What has its index now is another's.
	Drop()
	// First tells whether the program is still there with nothing of others before it.
	First() (bool, error)
}

// place is where a program goes.
type place struct {
	index  int
	name   string
	egress bool
}

// attacher puts programs at places; one for each kind of hook.
type attacher interface {
	Attach(at place, program *ebpf.Program) (hook, error)
	// Kind is the value of the attribute hook: tcx, tc or xdp.
	Kind() string
}

// errOccupied says that somebody else's filter sits where ours must go.
var errOccupied = errors.New("the place is taken")
