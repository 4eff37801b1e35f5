//go:build linux

package capture

import (
	"errors"

	"github.com/cilium/ebpf"
)

// hook is a program at one place of one interface. Close detaches it; a place
// that is gone with its interface is no error.
type hook interface {
	Close() error
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
