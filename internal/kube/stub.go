// Package kube stub.
package kube
import ("context";"time";"go.uber.org/zap";"github.com/ebpfnet/ebpfnetreceiver/internal/flow")
type Config struct { Mode string `mapstructure:"mode"`; NodeName string `mapstructure:"node_name"`}
func NewDefaultConfig() Config { return Config{Mode:"auto"} }
func (c *Config) Validate() error { return nil }
func (c *Config) NodeNameOrDefault() string { return c.NodeName }
type Events struct { Status func(error); Lag func(time.Duration) }
type Watcher struct{}
type Found uint8
const ( Outside Found = iota; Pending; Known )
func New(Config, *zap.Logger, Events) (*Watcher, error) { return &Watcher{}, nil }
func (w *Watcher) Start(context.Context) error { return nil }
func (w *Watcher) Shutdown() {}
func (w *Watcher) Enabled() bool { return false }
func (w *Watcher) Cluster() (string,string) { return "","" }
func (w *Watcher) Node() *flow.Endpoint { return nil }
func (w *Watcher) Lookup(flow.Addr, time.Time) (*flow.Endpoint, Found) { return nil, Outside }
func (w *Watcher) Objects() map[string]int { return nil }
