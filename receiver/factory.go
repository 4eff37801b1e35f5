package receiver

import (
	"go.opentelemetry.io/collector/receiver"

	"github.com/ebpfnet/ebpfnetreceiver/internal/metadata"
)

// NewFactory makes the receiver of type ebpfnet. A receiver that is in a metrics and in a
// logs pipeline captures once for both.
func NewFactory() receiver.Factory {
	create := newCreator()
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithMetrics(create.metrics, metadata.MetricsStability),
		receiver.WithLogs(create.logs, metadata.LogsStability),
	)
}
