//go:build linux

package receiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
)

// creator makes one instance for each configuration, however many pipelines it is in.
type creator struct {
	mu        sync.Mutex
	instances map[*Config]*netReceiver
}

func newCreator() *creator { return &creator{instances: map[*Config]*netReceiver{}} }

func (c *creator) metrics(_ context.Context, settings receiver.Settings, config component.Config,
	next consumer.Metrics) (receiver.Metrics, error) {
	r, err := c.instance(settings, config.(*Config))
	if err != nil {
		return nil, err
	}
	r.sendMetricsTo(next)
	return r, nil
}

func (c *creator) logs(_ context.Context, settings receiver.Settings, config component.Config,
	next consumer.Logs) (receiver.Logs, error) {
	r, err := c.instance(settings, config.(*Config))
	if err != nil {
		return nil, err
	}
	r.sendLogsTo(next)
	return r, nil
}

func (c *creator) instance(settings receiver.Settings, config *Config) (*netReceiver, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, known := c.instances[config]; known {
		return r, nil
	}
	r, err := newReceiver(settings, config, func() { c.forget(config) })
	if err != nil {
		return nil, err
	}
	c.instances[config] = r
	return r, nil
}

// forget lets the configuration be used for a new instance.
func (c *creator) forget(config *Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.instances, config)
}
