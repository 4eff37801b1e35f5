package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func audited(t *testing.T, rules ...RuleConfig) *testCluster {
	c := newCluster(t, func(cfg *Config) { cfg.Rules = rules })
	from := shop(t)
	c.addrs = from.addrs
	c.namespace("shop", "team=a").namespace("ops", "team=b").node("n1", "", "198.18.0.1")
	return c.pod("shop/web", "app=web", "198.18.128.10").pod("shop/db", "app=db", "198.18.128.11").
		pod("ops/prom", "app=prom", "198.18.129.10")
}

func database() []RuleConfig {
	db := Who{Namespaces: []string{"shop"}, PodSelector: "app=db"}
	return []RuleConfig{
		{Name: "web", From: Who{NamespaceSelector: "team in (a)", PodSelector: "app=web"}, To: db, Ports: []string{"5432/tcp"}, Action: "allow"},
		{Name: "backup", From: Who{CIDRs: []string{"198.18.9.0/24"}}, To: db, Action: "allow"},
		{Name: "nobody else", To: db, Action: "deny"},
	}
}

func TestRulesOfTheConfiguration(t *testing.T) {
	c := audited(t, database()...)
	c.decide(`
		shop/web > shop/db 5432: allowed
		shop/web > shop/db 5432/udp: denied ingress nobody else rules[2]
		ops/prom > shop/db 5432: denied ingress nobody else rules[2]
		198.18.9.9 > shop/db 1: allowed
		198.18.8.9 > shop/db 1: denied
		? > shop/db 5432: unknown ingress web rules[0]
		shop/new > shop/db 80: denied
		ops/prom > shop/web 80: allowed
		shop/db > shop/db 1: allowed`)
	require.False(t, c.ask("shop/web > shop/db 5432").Unprotected)
	require.True(t, c.ask("shop/db > shop/web 80").Unprotected)
	require.Equal(t, &Ref{Kind: KindRule, Name: "nobody else"}, c.ask("ops/prom > shop/db 5432").Policy)
}

func TestWhatTheClusterDeniesNoRuleAllows(t *testing.T) {
	c := audited(t, database()...).apply(np("closed", `{podSelector: {}}`))
	c.decide(`
		shop/web > shop/db 5432: denied ingress shop/closed
		ops/prom > shop/db 5432: denied ingress shop/closed`)
}

func TestARuleThatMayBeAboutAnEnd(t *testing.T) {
	c := audited(t, RuleConfig{Name: "web", From: Who{PodSelector: "app=web"}, Action: "deny"})
	c.decide(`
		shop/web > shop/db 1: denied
		shop/new > shop/db 1: unknown ingress web rules[0]
		198.18.9.9 > shop/db 1: allowed`)
}

func TestARuleAboutTheOutside(t *testing.T) {
	c := audited(t, RuleConfig{Name: "metadata", To: Who{CIDRs: []string{"198.18.254.169/32"}}, Action: "deny"})
	c.decide(`
		shop/web > 198.18.254.169 80: denied
		shop/web > 198.18.254.168 80: allowed`)
}

func TestAllThatIsWrongInTheConfigurationIsNamedAtOnce(t *testing.T) {
	require.NoError(t, NewDefaultConfig().Validate())
	cfg := Config{
		MaxMemory: 0, LearningTime: 0, Candidates: []string{""},
		Rules: []RuleConfig{
			{Action: "drop", Ports: []string{"80", "0", "90-80", "53/icmp", "x"}, From: Who{Namespaces: []string{"No"}, PodSelector: "a in", NamespaceSelector: "a>1"}},
			{Name: "two", Action: "deny", To: Who{CIDRs: []string{"198.18.0.0"}, PodSelector: "a=b"}},
			{Name: "two", Action: "allow"},
		},
	}
	err := cfg.Validate()
	for _, want := range []string{
		"learning_time: must be at least 1m, is 0s",
		"max_memory: must be at least 1 (MiB), is 0",
		"candidates::0: is empty",
		"rules::0::name: is required",
		`rules::0::action: must be one of allow, deny, not "drop"`,
		`rules::0::ports::1: "0" is neither a port nor a range of ports`,
		`rules::0::ports::2: "90-80" is neither`,
		`rules::0::ports::3: "53/icmp": the protocol must be one of tcp, udp, sctp`,
		`rules::0::ports::4: "x" is neither`,
		`rules::0::from::namespaces::0: "No" is no name of a namespace`,
		"rules::0::from::pod_selector: ",
		`rules::0::from::namespace_selector: operator "gt" is not supported`,
		`rules::1::to::cidrs::0: "198.18.0.0" is no CIDR`,
		"rules::1::to: has both cidrs and keys that select pods",
		`rules::2::name: "two" stands there twice`,
	} {
		require.ErrorContains(t, err, want)
	}
}
