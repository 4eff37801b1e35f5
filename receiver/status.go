//go:build linux

package receiver

import (
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// hosts are told how the instance is, one for each pipeline that it is in. Status is
// reported from any goroutine, while the receiver starts or stops, too.
type hosts struct {
	mu   sync.Mutex
	all  []component.Host
	last *componentstatus.Event
}

// add tells a host that comes later what the others know.
func (h *hosts) add(host component.Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, host)
	if h.last != nil {
		componentstatus.ReportStatus(host, h.last)
	}
}

// health reports trouble that may pass, and nil when it has passed.
func (h *hosts) health(err error) {
	if err != nil {
		h.report(componentstatus.NewRecoverableErrorEvent(err))
		return
	}
	h.report(componentstatus.NewEvent(componentstatus.StatusOK))
}

func (h *hosts) report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = event
	for _, host := range h.all {
		componentstatus.ReportStatus(host, event)
	}
}
