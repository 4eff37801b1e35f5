package filter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnErrorNamesThePlaceAndTheFields(t *testing.T) {
	_, err := Parse(`protocol == "tcp" && source.nonsense == "x"`)
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 1, refused.Line)
	require.Equal(t, 29, refused.Column)
	require.Contains(t, refused.Message, "nonsense")
	require.Contains(t, err.Error(), "(1:29)")
	for _, field := range Fields() {
		for _, part := range strings.Split(field, ".") {
			require.Contains(t, err.Error(), part)
		}
	}
}

func TestFieldsAreThoseOfTheEnvironment(t *testing.T) {
	require.Len(t, Fields(), 9+9+7)
	for _, field := range Fields() {
		_, err := Parse(field + ` == ` + field)
		require.NoError(t, err, field)
	}
}

func TestUsesTellsWhichFieldsAnExpressionNames(t *testing.T) {
	f, err := Parse(`source.pod == "a" || any(namespaces, # == "b") && port in [80, 443]`)
	require.NoError(t, err)
	require.True(t, f.Uses("source.pod"))
	require.True(t, f.Uses("state", "namespaces"))
	require.True(t, f.Uses("port"))
	require.False(t, f.Uses("destination.pod", "source.port", "pod"))
}

func TestHolds(t *testing.T) {
	env := Env{Source: End{Namespace: "shop", Workload: "web", Address: "198.18.0.2"}, Protocol: "tcp", Port: 443, State: "ended"}
	env.Join()
	for expression, want := range map[string]bool{
		"":                                    true,
		`"shop" in namespaces && port == 443`: true,
		`source.workload startsWith "w"`:      true,
		`in_cidr(source.address, protocol)`:   false, // not a range: an error
		`in_cidr(source.address, "198.18.0.0/15") && state == "ended"`: true,
		`any(workloads, hasPrefix(#, "we"))`:                           true,
		`protocol matches "^(udp|sctp)$"`:                              false,
	} {
		f, err := ParseUntrusted(expression)
		require.NoError(t, err, expression)
		holds, err := f.Holds(&env)
		require.Equal(t, strings.Contains(expression, "address, protocol"), err != nil, expression)
		require.Equal(t, want, holds, expression)
		require.Equal(t, expression == "", f.All())
	}
}

func TestStrangersCannotMakeItWork(t *testing.T) {
	long := `protocol == "` + strings.Repeat("x", longest) + `"`
	for expression, why := range map[string]string{
		`len(1..1000000) > 0`:                      "operator ..",
		`any(namespaces, all(workloads, # != ""))`: "loop inside of a loop",
		`repeat("x", 1000000) == ""`:               "repeat",
		`let x = namespaces; len(x) > 0`:           "variables",
		`sort(namespaces)[0] == ""`:                "sort",
		`2 ** 100 > 1`:                             "operator **",
		long:                                       "at most 4096 bytes",
		`source.nonsense == "x"`:                   "nonsense",
		`port`:                                     "bool",
		`port == `:                                 "unexpected",
		strings.Repeat("(", 2000) + strings.Repeat(")", 90): "",
	} {
		_, err := ParseUntrusted(expression)
		var refused *Error
		require.ErrorAs(t, err, &refused, expression)
		require.Contains(t, refused.Message, why)
	}
}

func FuzzUntrusted(f *testing.F) {
	f.Add(`"shop" in namespaces && port != 443 && !in_cidr(destination.address, "198.18.0.0/15")`)
	f.Add(`any(namespaces, # == "x") ? port > 1 : state == "ended"`)
	f.Add(`source?.namespace ?? "x" == "y"`)
	f.Fuzz(func(t *testing.T, expression string) {
		parsed, err := ParseUntrusted(expression)
		if err != nil {
			return
		}
		env := Env{Protocol: "tcp", Port: 80}
		env.Join()
		_, _ = parsed.Holds(&env)
	})
}
