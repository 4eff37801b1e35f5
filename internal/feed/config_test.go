package feed

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// loaded reads testdata/config.yaml's part of that name over the defaults.
func loaded(t *testing.T, name string) (Config, error) {
	t.Helper()
	all, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	part, err := all.Sub(name)
	require.NoError(t, err)
	config := NewDefaultConfig()
	if err := part.Unmarshal(&config); err != nil {
		return config, err
	}
	return config, confmap.Validate(&config)
}

func TestTheDefaultsAreValid(t *testing.T) {
	config := NewDefaultConfig()
	require.NoError(t, confmap.Validate(&config))
	require.True(t, config.Enabled)
}

func TestAListNeedsNothingButANameAndAPlace(t *testing.T) {
	config, err := loaded(t, "smallest")
	require.NoError(t, err)
	feed, allow := config.Feeds[0], config.Allow[0]
	require.Equal(t, Auto, feed.Format)
	require.EqualValues(t, 256<<20, feed.MaxSize)
	require.InDelta(t, 0.5, feed.MinRatio, 0)
	require.Equal(t, 30*time.Second, feed.interval())
	require.Equal(t, time.Hour, allow.interval())
	require.Equal(t, &Source{Name: "local", Severity: "high"}, feed.source(false))
	require.Equal(t, &Source{Name: "misp", Allow: true}, allow.source(true))
}

func TestEveryKeyIsRead(t *testing.T) {
	config, err := loaded(t, "full")
	require.NoError(t, err)
	require.Equal(t, 500000, config.MaxEntries)
	c := config.Feeds[0]
	require.Equal(t, STIX, c.Format)
	require.Equal(t, 10*time.Minute, c.Interval)
	require.EqualValues(t, 1000000, c.MaxSize)
	require.InDelta(t, 0.25, c.MinRatio, 0)
	require.Equal(t, 720*time.Hour, c.MaxAge)
	require.Equal(t, &Source{Name: "taxii", Severity: "critical", Category: "c2", Confidence: 80, Private: true}, c.source(false))
	require.Equal(t, 5*time.Second, c.Timeout)
	require.Equal(t, "http://proxy.example:3128", c.ProxyURL)
	require.Equal(t, "/etc/ca.pem", c.TLS.CAFile)
	require.Equal(t, "oauth2client", c.Auth.Get().AuthenticatorID.String())
	key, _ := c.Headers.Get("Auth-Key")
	require.Equal(t, "token", string(key))
	require.True(t, c.ForceAttemptHTTP2, "the client's own defaults stay")
}

func TestAllThatIsWrongIsNamedAtOnce(t *testing.T) {
	_, err := loaded(t, "wrong")
	require.Error(t, err)
	for _, want := range []string{
		"max_entries: must be from 1 to 10000000, is 0",
		`feeds, allow: two have the name "twice"`,
		"allow::1: severity, category, confidence and private are keys of feeds",
		"feeds::0: file, url: one of them must be set, and not both",
		"name: must be set",
		`format: must be one of [auto list hosts feodo spamhaus stix misp], is "csv"`,
		"interval: must be at least 1s, or 0 for the default, is 100ms",
		"max_size: must be from 1 to 1073741824, is -1",
		"min_ratio: must be from 0 to 1, is 1.5",
		"max_age: must not be negative, is -1h0m0s",
		`severity: must be one of [low medium high critical], is "bad"`,
		"confidence: must be from 0 to 100, is 101",
		"feeds::1: file, url: one of them must be set, and not both",
		"feeds::2: url: must be an http or https URL with a host",
		"feeds::3: endpoint: the key is url",
		"feeds::4: timeout: must not be negative, is -1s",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "secret")
}

func TestAnUnknownKeyIsRefused(t *testing.T) {
	_, err := loaded(t, "unknown")
	require.ErrorContains(t, err, "intervall")
}

func TestListsAreBounded(t *testing.T) {
	config := NewDefaultConfig()
	for i := range maxLists + 1 {
		c := listAt("/list")
		c.Name = strings.Repeat("x", i+1)
		config.Feeds = append(config.Feeds, c)
	}
	require.EqualError(t, config.Validate(), "feeds, allow: must be 128 together at most, are 129")
}
