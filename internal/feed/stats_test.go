package feed

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What metrics and findings call things is a contract.
func TestNamesOfStatesKindsAndReasons(t *testing.T) {
	var names []string
	for _, s := range States() {
		names = append(names, s.String())
	}
	require.Equal(t, []string{"pending", "current", "kept", "missing"}, names)
	names = nil
	for _, k := range Kinds() {
		names = append(names, k.String())
	}
	require.Equal(t, []string{"address", "range", "domain", "url"}, names)
	names = nil
	for _, r := range Reasons() {
		names = append(names, r.String())
	}
	require.Equal(t, []string{"malformed", "too_long", "irrelevant", "public_suffix", "too_wide", "not_public", "expired", "over_limit"}, names)
	require.Len(t, Reasons(), int(reasons)-1)
	require.Len(t, Kinds(), int(kinds))
}
