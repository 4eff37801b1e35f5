package kube

import (
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"
)

// condition is what became of a source's last request.
type condition uint8

const (
	fine    condition = iota
	failing           // the server has trouble with it, or with us
	refused           // not allowed
	absent            // the server does not know the resource
)

// verdict is a condition and why.
type verdict struct {
	condition
	err error
}

// health puts together how the sources are, tells of changes, and knows when
// every source has its first list or will not get one.
type health struct {
	logger  *zap.Logger
	sources []*source
	report  func(error)   // called with mu held, so that reports keep their order
	first   func()        // called once, before settled is closed
	settled chan struct{} // closed when no source waits

	mu       sync.Mutex
	away     error // why the last request of any source was not answered
	verdicts map[*source]verdict
	waiting  map[*source]struct{} // for their first list
	last     string               // the state that was reported
}

func newHealth(sources []*source, first func(), report func(error), logger *zap.Logger) *health {
	h := &health{
		logger: logger, sources: sources, report: report,
		first: first, settled: make(chan struct{}),
		verdicts: map[*source]verdict{}, waiting: map[*source]struct{}{},
	}
	for _, s := range sources {
		h.waiting[s] = struct{}{}
	}
	h.waitNot(nil) // there may be none
	return h
}

// settle notes that the source has its first list.
func (h *health) settle(s *source) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waitNot(s)
}

func (h *health) waitNot(s *source) {
	delete(h.waiting, s)
	if len(h.waiting) == 0 && h.first != nil {
		h.first()
		h.first = nil
		close(h.settled)
	}
}

// note takes the outcome of a source's request.
func (h *health) note(s *source, v verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.verdicts[s].condition
	h.verdicts[s] = v
	if v.condition == was {
		return
	}
	off := v.condition == refused || v.condition == absent
	if off {
		h.waitNot(s) // waiting for it would be in vain
	}
	if s.off != nil {
		s.off(off)
	}
	if off && s.without != "" {
		h.logger.Warn("kubernetes: "+s.without, zap.Error(v.err))
	}
	h.tell()
}

// hear takes whether a request was answered.
func (h *health) hear(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if (err == nil) != (h.away == nil) {
		h.away = err
		h.tell()
	}
}

// tell reports the state if it is another than the last one.
func (h *health) tell() {
	var errs []error
	state := ""
	if h.away != nil {
		state = "away "
		errs = append(errs, fmt.Errorf("kube: no answer from the API server: %w", h.away))
	}
	failed := false
	for _, s := range h.sources {
		switch v := h.verdicts[s]; {
		case v.condition == failing && !failed:
			failed = true // the others would say the same
			state += "failing "
			errs = append(errs, v.err)
		case v.condition == refused && s.without == "":
			state += fmt.Sprint(s.resource, " ")
			errs = append(errs, v.err)
		}
	}
	if state != h.last {
		h.last = state
		h.report(errors.Join(errs...))
	}
}
