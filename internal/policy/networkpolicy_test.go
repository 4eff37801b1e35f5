package policy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// shop is a small cluster.
func shop(t testing.TB) *testCluster {
	return newCluster(t).
		namespace("shop", "team=a").namespace("ops", "team=b").namespace("bare", "").
		node("n1", "zone=1", "198.18.0.1").node("n2", "zone=2", "198.18.0.2").
		pod("shop/web", "app=web,tier=front", "198.18.128.10").
		pod("shop/db", "app=db,tier=back", "198.18.128.11", func(p *Pod) {
			p.Ports = []NamedPort{{"sql", flow.TCP, 5432}, {"sync", flow.UDP, 5432}}
		}).
		pod("shop/other", "app=other", "fd00::12", func(p *Pod) {
			p.Ports = []NamedPort{{"sql", flow.TCP, 6432}}
		}).
		pod("ops/prom", "app=prom", "198.18.129.10", func(p *Pod) { p.Node = "n2" }).
		pod("bare/x", "", "198.18.130.10")
}

// np is a NetworkPolicy of namespace shop with that spec.
func np(name, spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec + "\n"
}

func TestWithoutPoliciesAllIsAllowed(t *testing.T) {
	c := shop(t)
	c.decide(`
		shop/web > shop/db 5432: allowed
		198.18.9.9 > shop/db 5432: allowed
		? > shop/db 5432: allowed
		shop/web > 198.18.9.9 443: allowed`)
	r := c.ask("shop/web > shop/db 5432")
	require.Equal(t, ByDefault, r.Reason)
	require.True(t, r.Unprotected)
	require.False(t, c.ask("shop/web > 198.18.9.9 443").Unprotected, "the outside is nobody's to protect")
	require.False(t, c.ask("shop/web > node:n2 443").Unprotected)
}

func TestNilAndEmptyRules(t *testing.T) {
	for name, c := range map[string]struct{ spec, want string }{
		"no ingress section":       {`{podSelector: {}}`, "denied ingress shop/p"},
		"ingress empty":            {`{podSelector: {}, ingress: []}`, "denied ingress shop/p"},
		"ingress null":             {`{podSelector: {}, ingress: null}`, "denied ingress shop/p"},
		"no podSelector":           {`{ingress: []}`, "denied ingress shop/p"},
		"one empty rule":           {`{podSelector: {}, ingress: [{}]}`, "allowed ingress shop/p ingress[0]"},
		"from empty":               {`{podSelector: {}, ingress: [{from: []}]}`, "allowed ingress shop/p ingress[0]"},
		"ports empty":              {`{podSelector: {}, ingress: [{ports: [], from: [{podSelector: {}}]}]}`, "allowed ingress shop/p ingress[0]"},
		"egress only":              {`{podSelector: {}, policyTypes: [Egress], egress: [{}]}`, "allowed egress shop/p egress[0]"},
		"egress nil":               {`{podSelector: {}, policyTypes: [Egress]}`, "denied egress shop/p"},
		"egress empty, not a type": {`{podSelector: {}, egress: [], ingress: [{}]}`, "allowed ingress shop/p ingress[0]"},
		"egress is a type as it has rules": {
			`{podSelector: {}, ingress: [{}], egress: [{ports: [{port: 1}]}]}`, "denied egress shop/p"},
		"ingress section, not a type": {`{podSelector: {}, policyTypes: [Egress], ingress: [], egress: [{}]}`, "allowed egress shop/p egress[0]"},
		"selects others":              {`{podSelector: {matchLabels: {app: nobody}}}`, "allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, shop(t).apply(np("p", c.spec)).says("shop/web > shop/db 5432"))
		})
	}
}

func TestBothDirectionsMustAllow(t *testing.T) {
	c := shop(t).
		apply(np("in", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`)).
		apply(np("out", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]}`))
	c.decide(`
		shop/web > shop/db 5432: allowed ingress shop/in ingress[0]
		shop/web > shop/db 80: denied egress shop/out
		shop/web > shop/other 5432: denied egress shop/out
		shop/other > shop/db 5432: denied ingress shop/in
		shop/other > shop/web 1: allowed
		198.18.9.9 > shop/db 5432: denied ingress shop/in`)
	require.False(t, c.ask("shop/web > shop/db 5432").Unprotected)
	require.True(t, c.ask("shop/other > shop/web 1").Unprotected)
}

func TestRulesOfAllPoliciesAddUp(t *testing.T) {
	c := shop(t).
		apply(np("deny", `{podSelector: {}}`)).
		apply(np("web", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 1}]}, {ports: [{port: 2}]}]}`))
	c.decide(`
		shop/web > shop/db 1: allowed ingress shop/web ingress[0]
		shop/web > shop/db 2: allowed ingress shop/web ingress[1]
		shop/web > shop/db 3: denied ingress shop/deny
		shop/other > shop/db 1: denied`)
}

func TestPeers(t *testing.T) {
	ingress := func(from string) string {
		return `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [` + from + `]}]}`
	}
	for name, c := range map[string]struct{ from, decides string }{
		"own namespace": {`{podSelector: {}}`, `
			shop/web > shop/db 1: allowed
			ops/prom > shop/db 1: denied
			198.18.9.9 > shop/db 1: denied`},
		"all namespaces": {`{namespaceSelector: {}}`, `
			shop/web > shop/db 1: allowed
			ops/prom > shop/db 1: allowed
			198.18.9.9 > shop/db 1: denied
			node:n2 > shop/db 1: denied`},
		"namespace by label": {`{namespaceSelector: {matchLabels: {team: b}}}`, `
			shop/web > shop/db 1: denied
			ops/prom > shop/db 1: allowed
			bare/x > shop/db 1: denied`},
		"pods of a namespace": {`{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: web}}}`, `
			shop/web > shop/db 1: denied
			ops/prom > shop/db 1: denied`},
		"either of two": {`{namespaceSelector: {matchLabels: {team: b}}}, {podSelector: {matchLabels: {app: web}}}`, `
			shop/web > shop/db 1: allowed
			ops/prom > shop/db 1: allowed`},
		"In": {`{podSelector: {matchExpressions: [{key: app, operator: In, values: [web, x]}]}}`, `
			shop/web > shop/db 1: allowed
			shop/other > shop/db 1: denied`},
		"NotIn matches what has no such label": {`{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [a]}]}}`, `
			shop/web > shop/db 1: denied
			bare/x > shop/db 1: allowed
			ops/prom > shop/db 1: allowed`},
		"Exists": {`{podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}`, `
			shop/web > shop/db 1: allowed
			shop/other > shop/db 1: denied`},
		"DoesNotExist": {`{podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}`, `
			shop/web > shop/db 1: denied
			shop/other > shop/db 1: allowed`},
		"ipBlock": {`{ipBlock: {cidr: 198.18.8.0/22, except: [198.18.9.0/24, 198.18.10.1/32]}}`, `
			198.18.8.1 > shop/db 1: allowed
			198.18.9.9 > shop/db 1: denied
			198.18.10.1 > shop/db 1: denied
			198.18.10.2 > shop/db 1: allowed
			198.18.12.1 > shop/db 1: denied
			fd00::9 > shop/db 1: denied`},
		"ipBlock of a pod": {`{ipBlock: {cidr: 198.18.128.10/32}}`, `
			shop/web > shop/db 1: allowed
			bare/x > shop/db 1: denied`},
		"ipBlock of IPv4 only": {`{ipBlock: {cidr: 0.0.0.0/0}}`, `
			198.18.9.9 > shop/db 1: allowed
			shop/other > shop/db 1: denied`},
		"ipBlock of IPv6 only": {`{ipBlock: {cidr: "::/0"}}`, `
			198.18.9.9 > shop/db 1: denied
			shop/other > shop/db 1: allowed`},
	} {
		t.Run(name, func(t *testing.T) { shop(t).apply(np("p", ingress(c.from))).decide(c.decides) })
	}
}

func TestPorts(t *testing.T) {
	for name, c := range map[string]struct{ ports, decides string }{
		"TCP unless said otherwise": {`{port: 80}`, `
			shop/web > shop/db 80: allowed
			shop/web > shop/db 80/udp: denied
			shop/web > shop/db 81: denied`},
		"all of a protocol": {`{protocol: UDP}`, `
			shop/web > shop/db 80: denied
			shop/web > shop/db 80/udp: allowed`},
		"SCTP": {`{protocol: SCTP, port: 9}`, `
			shop/web > shop/db 9/sctp: allowed
			shop/web > shop/db 9: denied`},
		"a range": {`{port: 80, endPort: 82}`, `
			shop/web > shop/db 79: denied
			shop/web > shop/db 80: allowed
			shop/web > shop/db 82: allowed
			shop/web > shop/db 83: denied`},
		"a name is each pod's own": {`{port: sql}`, `
			shop/web > shop/db 5432: allowed
			shop/web > shop/db 5432/udp: denied
			shop/web > shop/other 5432: denied
			shop/web > shop/other 6432: allowed
			shop/db > shop/web 5432: denied`},
		"the name of a UDP port": {`{protocol: UDP, port: sync}`, `
			shop/web > shop/db 5432/udp: allowed
			shop/web > shop/db 5432: denied`},
		"one of several": {`{port: 80}, {protocol: UDP, port: 53}`, `
			shop/web > shop/db 80: allowed
			shop/web > shop/db 53/udp: allowed
			shop/web > shop/db 53: denied`},
	} {
		t.Run(name, func(t *testing.T) {
			shop(t).apply(np("p", `{podSelector: {}, ingress: [{ports: [`+c.ports+`]}]}`)).decide(c.decides)
			shop(t).apply(np("p", `{podSelector: {}, policyTypes: [Egress], egress: [{ports: [`+c.ports+`]}]}`)).decide(c.decides)
		})
	}
}

func TestANamedPortIsNobodysOutside(t *testing.T) {
	c := shop(t).apply(np("p", `{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: sql}]}]}`))
	c.decide(`
		shop/web > 198.18.9.9 5432: denied
		shop/web > node:n2 5432: denied
		shop/web > ? 5432: unknown`)
}

func TestExemptTraffic(t *testing.T) {
	c := shop(t).apply(np("none", `{podSelector: {}, policyTypes: [Ingress, Egress]}`))
	c.decide(`
		shop/db > shop/db 5432: allowed
		node:n1 > shop/db 5432: allowed
		node:n2 > shop/db 5432: denied
		shop/db > node:n1 10250: allowed
		shop/db > node:n2 10250: denied
		ops/prom > node:n1 9100: allowed
		node:n1 > node:n2 9100: allowed`)
	require.Equal(t, SelfTraffic, c.ask("shop/db > shop/db 5432").Reason)
	require.Equal(t, NodeTraffic, c.ask("node:n1 > shop/db 5432").Reason)
}

func TestAPodOnItsNodesNetworkIsTheNode(t *testing.T) {
	c := shop(t).
		pod("shop/agent", "app=web", "198.18.0.1", func(p *Pod) { p.HostNetwork = true }).
		pod("shop/away", "app=web", "198.18.0.2", func(p *Pod) { p.HostNetwork, p.Node = true, "n2" }).
		apply(np("web", `{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`))
	c.decide(`
		shop/agent > shop/db 1: allowed
		shop/away > shop/db 1: denied
		shop/away > ops/prom 1: allowed
		ops/prom > shop/agent 1: allowed`)
}

func TestProtocolsWithoutPorts(t *testing.T) {
	c := shop(t)
	c.decide(`shop/web > shop/db 0/icmp: allowed`)
	c.apply(np("web", `{podSelector: {matchLabels: {app: db}}, ingress: [{}]}`))
	c.decide(`
		shop/web > shop/db 0/icmp: unknown ingress shop/web ingress[0]
		shop/db > shop/web 0/icmp: allowed`)
	require.Equal(t, Ambiguous, c.ask("shop/web > shop/db 0/icmp").Reason)
}

func TestEndsThatAreNotKnown(t *testing.T) {
	c := shop(t)
	c.apply(np("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}, {from: [{ipBlock: {cidr: 198.18.200.0/24}}], ports: [{port: 90}]}]}`))
	c.decide(`
		? > shop/db 80: unknown
		shop/new > shop/db 80: unknown
		shop/new > shop/db 81: denied
		shop/web > shop/new 80: unknown
		shop/new > shop/web 80: allowed
		?198.18.200.1 > shop/db 90: allowed
		?198.18.201.1 > shop/db 90: denied`)
	require.Equal(t, UnknownPod, c.ask("? > shop/db 80").Reason)
}

func TestANamespaceWhoseLabelsAreNotKnown(t *testing.T) {
	c := shop(t).pod("late/p", "app=p", "198.18.131.1").
		apply(np("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: c}}}]}]}`))
	c.decide(`late/p > shop/db 80: unknown`)
	require.Equal(t, UnknownPod, c.ask("late/p > shop/db 80").Reason)
	c.namespace("late", "team=c")
	c.decide(`late/p > shop/db 80: allowed`)
	c.RemoveNamespace("late")
	c.decide(`late/p > shop/db 80: unknown`)
}

func TestSinceIsTheLastChangeThatMatters(t *testing.T) {
	c := shop(t)
	require.NoError(t, c.put(np("db", `{podSelector: {matchLabels: {app: db}}}`), InForce, second(10)))
	require.NoError(t, c.put(np("web", `{podSelector: {matchLabels: {app: web}}}`), InForce, second(20)))
	require.Equal(t, second(10), c.ask("shop/web > shop/db 1").Since)
	other := `{podSelector: {matchLabels: {app: other}}, ingress: [{ports: [{port: %d}]}]}`
	require.NoError(t, c.put(np("other", fmt.Sprintf(other, 1)), InForce, second(5)))
	require.NoError(t, c.put(np("other", fmt.Sprintf(other, 2)), InForce, second(25)))
	require.Equal(t, second(10), c.ask("shop/web > shop/db 1").Since, "it was and is about others")
	require.NoError(t, c.put(np("other", `{podSelector: {matchLabels: {app: x}}}`), InForce, second(28)))
	require.Equal(t, second(28), c.ask("shop/web > shop/db 1").Since, "it was about others, but perhaps not these")
	c.Remove(Ref{KindNetworkPolicy, "shop", "web"}, InForce, second(30))
	require.Equal(t, second(30), c.ask("shop/web > shop/db 1").Since, "one that is gone may have allowed it")
	require.NoError(t, c.PutPod(&Pod{UID: "shop/web", Namespace: "shop", Labels: labelsOf("app=web"), Node: "n1"}, second(40)))
	require.Equal(t, second(40), c.ask("shop/web > shop/db 1").Since)
	require.NoError(t, c.PutPod(&Pod{UID: "shop/web", Namespace: "shop", Labels: labelsOf("app=web"), Node: "n1"}, second(50)))
	require.Equal(t, second(40), c.ask("shop/web > shop/db 1").Since, "nothing changed")
}
