//go:build !linux

package receiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
)

var errLinuxOnly = errors.New("ebpfnet: Linux only")

// creator refuses: there is no BPF here.
type creator struct{}

func newCreator() creator { return creator{} }

func (creator) metrics(context.Context, receiver.Settings, component.Config, consumer.Metrics) (receiver.Metrics, error) {
	return nil, errLinuxOnly
}

func (creator) logs(context.Context, receiver.Settings, component.Config, consumer.Logs) (receiver.Logs, error) {
	return nil, errLinuxOnly
}
