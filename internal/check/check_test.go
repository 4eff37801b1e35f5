package check

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWords(t *testing.T) {
	type mode string
	for _, test := range []struct {
		err  error
		want string
	}{
		{OneOf("mode", mode("a"), "a", "b"), ""},
		{OneOf("mode", mode("c"), "a", "b"), `mode: must be one of [a b], is "c"`},
		{OneOf("mode", "", "a"), `mode: must be one of [a], is ""`},
		{InRange("n", 1, 1, 3), ""},
		{InRange("n", 3, 1, 3), ""},
		{InRange("n", 0, 1, 3), "n: must be from 1 to 3, is 0"},
		{InRange("n", 4, 1, 3), "n: must be from 1 to 3, is 4"},
		{Lasts("t", time.Second, time.Second, time.Hour), ""},
		{Lasts("t", time.Hour, time.Second, time.Hour), ""},
		{Lasts("t", 2*time.Hour, time.Second, time.Hour), "t: must be from 1s to 1h, is 2h"},
		{Lasts("t", 0, 100*time.Millisecond, time.Minute), "t: must be from 100ms to 1m, is 0s"},
		{Lasts("t", time.Millisecond, time.Second, 0), "t: must be at least 1s, is 1ms"},
		{Lasts("t", 1000*time.Hour, time.Second, 0), ""},
		{Lasts("t", 90*time.Minute, time.Second, time.Hour), "t: must be from 1s to 1h, is 1h30m"},
	} {
		if test.want == "" {
			require.NoError(t, test.err)
			continue
		}
		require.EqualError(t, test.err, test.want)
	}
}

func TestAllIsOneLine(t *testing.T) {
	require.NoError(t, All())
	require.NoError(t, All(nil, nil))
	inner := errors.New("a: wrong")
	err := All(nil, inner, nil, All(errors.New("b: wrong"), errors.New("c: wrong")))
	require.EqualError(t, err, "a: wrong; b: wrong; c: wrong")
	require.ErrorIs(t, err, inner)
}
