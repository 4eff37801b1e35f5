package feed

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

const (
	maxLists    = 128
	maxMaxSize  = 1 << 30
	maxCapacity = 10_000_000 // with names of the longest kind, 2.6 GB of text: 32 bits number all
	minInterval = time.Second

	defaultFileInterval = 30 * time.Second
	defaultURLInterval  = time.Hour
)

// Config is the block `detection::threat_intel`.
type Config struct {
	Enabled bool `mapstructure:"enabled"`
	// Feeds are the lists of what is bad. Of the same entry in two, the first counts.
	Feeds []SourceConfig `mapstructure:"feeds"`
	// Allow are the lists of what is harmless, whatever a feed says.
	Allow []SourceConfig `mapstructure:"allow"`
	// MaxEntries bounds the entries of all lists together: 15 to 50 bytes each.
	MaxEntries int `mapstructure:"max_entries"`

	_ struct{}
}

// SourceConfig is one list. The keys of the HTTP client (tls, auth, headers,
// proxy_url, timeout …) stand beside the others.
type SourceConfig struct {
	// Name is what findings and metrics call the list.
	Name string `mapstructure:"name"`
	// File or URL is where it is.
	File string `mapstructure:"file"`
	URL  string `mapstructure:"url"`
	// Interval is the time between two looks for a new version; 0 is 30 s for a file
	// and 1 h for a URL. Those of URLs vary by a tenth.
	Interval time.Duration `mapstructure:"interval"`
	// Format is how it is written; auto recognises it.
	Format Format `mapstructure:"format"`
	// MaxSize bounds the content, in bytes, after decompression.
	MaxSize int64 `mapstructure:"max_size"`
	// MinRatio is the share of the last version's size that a new one must have, or
	// the last one is kept for a day more. 0 takes any that is not empty.
	MinRatio float64 `mapstructure:"min_ratio"`
	// MaxAge ends entries that long after they were last seen, where the list says
	// when (Feodo's last_online, STIX' modified). 0: as long as they are listed.
	MaxAge time.Duration `mapstructure:"max_age"`

	// Severity of a finding: low, medium, high or critical. Of feeds only, as are those below.
	Severity string `mapstructure:"severity"`
	// Category is a word of the user's for what is on the list, such as c2.
	Category string `mapstructure:"category"`
	// Confidence in the list, in per cent; 0 leaves it to the detector.
	Confidence int `mapstructure:"confidence"`
	// Private lets the list name private addresses and the cluster's own.
	Private bool `mapstructure:"private"`

	confighttp.ClientConfig `mapstructure:",squash"`
}

// NewDefaultConfig is what holds for keys that the user did not set.
func NewDefaultConfig() Config { return Config{Enabled: true, MaxEntries: 2_000_000} }

// NewDefaultSourceConfig is what holds for keys of a list that the user did not set.
func NewDefaultSourceConfig() SourceConfig {
	return SourceConfig{
		Format: Auto, MaxSize: 256 << 20, MinRatio: 0.5,
		ClientConfig: confighttp.NewDefaultClientConfig(),
	}
}

// Unmarshal sets the defaults of an element of a list.
func (c *SourceConfig) Unmarshal(conf *confmap.Conf) error {
	*c = NewDefaultSourceConfig()
	return conf.Unmarshal(c)
}

// Validate reports what concerns more than one list, and what an allow list cannot
// have; each list checks itself.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxEntries < 1 || c.MaxEntries > maxCapacity {
		errs = append(errs, fmt.Errorf("max_entries: must be from 1 to %d, is %d", maxCapacity, c.MaxEntries))
	}
	if n := len(c.Feeds) + len(c.Allow); n > maxLists {
		errs = append(errs, fmt.Errorf("feeds, allow: must be %d together at most, are %d", maxLists, n))
	}
	names := map[string]bool{}
	for _, s := range slices.Concat(c.Feeds, c.Allow) {
		if names[s.Name] && s.Name != "" {
			errs = append(errs, fmt.Errorf("feeds, allow: two have the name %q", s.Name))
		}
		names[s.Name] = true
	}
	for i, s := range c.Allow {
		if s.Severity != "" || s.Category != "" || s.Confidence != 0 || s.Private {
			errs = append(errs, fmt.Errorf("allow::%d: severity, category, confidence and private are keys of feeds", i))
		}
	}
	return errors.Join(errs...)
}

// Validate reports every wrong value at once.
func (c *SourceConfig) Validate() error {
	errs := []error{c.validatePlace()}
	if c.Name == "" {
		errs = append(errs, errors.New("name: must be set"))
	}
	if !slices.Contains(formats(), c.Format) {
		errs = append(errs, fmt.Errorf("format: must be one of %v, is %q", formats(), c.Format))
	}
	if c.Interval != 0 && c.Interval < minInterval {
		errs = append(errs, fmt.Errorf("interval: must be at least %s, or 0 for the default, is %s", minInterval, c.Interval))
	}
	if c.MaxSize < 1 || c.MaxSize > maxMaxSize {
		errs = append(errs, fmt.Errorf("max_size: must be from 1 to %d, is %d", maxMaxSize, c.MaxSize))
	}
	if !(c.MinRatio >= 0 && c.MinRatio <= 1) {
		errs = append(errs, fmt.Errorf("min_ratio: must be from 0 to 1, is %v", c.MinRatio))
	}
	if c.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("max_age: must not be negative, is %s", c.MaxAge))
	}
	if allowed := []string{"low", "medium", "high", "critical"}; c.Severity != "" && !slices.Contains(allowed, c.Severity) {
		errs = append(errs, fmt.Errorf("severity: must be one of %v, is %q", allowed, c.Severity))
	}
	if c.Confidence < 0 || c.Confidence > 100 {
		errs = append(errs, fmt.Errorf("confidence: must be from 0 to 100, is %d", c.Confidence))
	}
	return errors.Join(errs...)
}

func (c *SourceConfig) validatePlace() error {
	if (c.File == "") == (c.URL == "") {
		return errors.New("file, url: one of them must be set, and not both")
	}
	if c.Endpoint != "" {
		return errors.New("endpoint: the key is url")
	}
	if c.Timeout < 0 {
		return fmt.Errorf("timeout: must not be negative, is %s", c.Timeout)
	}
	if c.File != "" {
		return nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, strings.ToLower(u.Scheme)) {
		return errors.New("url: must be an http or https URL with a host") // which may hold a key
	}
	return nil
}

func (c *SourceConfig) interval() time.Duration {
	switch {
	case c.Interval != 0:
		return c.Interval
	case c.File != "":
		return defaultFileInterval
	default:
		return defaultURLInterval
	}
}

func (c *SourceConfig) source(allow bool) *Source {
	s := &Source{
		Name: c.Name, Allow: allow, Severity: c.Severity, Category: c.Category,
		Confidence: c.Confidence, Private: c.Private,
	}
	if s.Severity == "" && !allow {
		s.Severity = "high"
	}
	return s
}
