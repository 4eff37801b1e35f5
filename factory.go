package ebpfnetreceiver

import (
	collector "go.opentelemetry.io/collector/receiver"

	"github.com/ebpfnet/ebpfnetreceiver/receiver"
)

// NewFactory makes the receiver of type ebpfnet.
func NewFactory() collector.Factory { return receiver.NewFactory() }
