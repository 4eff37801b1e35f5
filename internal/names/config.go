package names

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// DNSConfig is the block `dns` of the receiver's configuration.
type DNSConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Timeout is how long after its question a transaction ends without an answer. Resolvers wait for 5 s.
	Timeout time.Duration `mapstructure:"timeout"`
	// SearchSuffixes are the domains of resolvers' search lists, as cluster.local. Each stands for itself, svc.<it> and <namespace>.svc.<it>.
	SearchSuffixes []string `mapstructure:"search_suffixes"`
	// MaxTransactions bounds the questions that wait for an answer and what is remembered of answered ones. One client has at most an eighth.
	MaxTransactions int `mapstructure:"max_transactions"`
	// MaxStreams bounds the directions of TCP connections that are followed.
	MaxStreams int `mapstructure:"max_streams"`
	// MaxNames bounds the names that all clients learned.
	MaxNames int `mapstructure:"max_names"`
	// MaxNamesPerClient bounds those of one client.
	MaxNamesPerClient int `mapstructure:"max_names_per_client"`

	_ struct{}
}

// NewDefaultDNSConfig is for clusters with the usual domain.
func NewDefaultDNSConfig() DNSConfig {
	return DNSConfig{
		Enabled:           true,
		Timeout:           5 * time.Second,
		SearchSuffixes:    []string{"cluster.local"},
		MaxTransactions:   16384,
		MaxStreams:        1024,
		MaxNames:          65536,
		MaxNamesPerClient: 4096,
	}
}

// maxSuffixes bounds what is compared with each failed lookup.
const maxSuffixes = 16

// Validate reports every wrong value at once.
func (c *DNSConfig) Validate() error {
	var errs []error
	if c.Timeout < 100*time.Millisecond || c.Timeout > time.Minute {
		errs = append(errs, fmt.Errorf("timeout: must be from 100ms to 1m, is %s", c.Timeout))
	}
	if len(c.SearchSuffixes) > maxSuffixes {
		errs = append(errs, fmt.Errorf("search_suffixes: at most %d are allowed, not %d", maxSuffixes, len(c.SearchSuffixes)))
	}
	for _, s := range c.SearchSuffixes {
		if !isDomain(s) {
			errs = append(errs, fmt.Errorf("search_suffixes: %q is no domain: must be as cluster.local", s))
		}
	}
	errs = append(errs,
		inRange("max_transactions", c.MaxTransactions, clientsShare, 1<<22),
		inRange("max_streams", c.MaxStreams, 1, 1<<16),
		inRange("max_names", c.MaxNames, 1, 1<<24),
		inRange("max_names_per_client", c.MaxNamesPerClient, 1, 1<<24),
	)
	return errors.Join(errs...)
}

// isDomain: labels of 1 to 63 bytes, 253 in all (RFC 1035, 2.3.4).
func isDomain(s string) bool {
	s = strings.TrimSuffix(s, ".")
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return false
		}
	}
	return len(s) <= 253
}

// TLSConfig is the block `tls` of the receiver's configuration.
type TLSConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// MaxHandshakes bounds the connections whose ClientHello has begun and not ended. Each takes up to 16 KiB.
	MaxHandshakes int `mapstructure:"max_handshakes"`

	_ struct{}
}

// NewDefaultTLSConfig bounds unfinished handshakes to 16 MiB.
func NewDefaultTLSConfig() TLSConfig { return TLSConfig{Enabled: true, MaxHandshakes: 1024} }

// Validate reports every wrong value at once.
func (c *TLSConfig) Validate() error {
	return inRange("max_handshakes", c.MaxHandshakes, 1, 1<<16)
}

func inRange(key string, value, low, high int) error {
	if value >= low && value <= high {
		return nil
	}
	return fmt.Errorf("%s: must be from %d to %d, is %d", key, low, high, value)
}
