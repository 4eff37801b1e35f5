package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// anp, banp and cnp are policies of the ordered tiers with that spec.
func anp(name, spec string) string {
	return "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

func banp(spec string) string {
	return "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\nspec: " + spec + "\n"
}

func cnp(name, spec string) string {
	return "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

const (
	everyPod  = `subject: {namespaces: {}}`
	shopOnly  = `subject: {namespaces: {matchLabels: {team: a}}}`
	fromAll   = `from: [{namespaces: {}}]`
	fromShop  = `from: [{namespaces: {matchLabels: {team: a}}}]`
	fromProm  = `from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: prom}}}}]`
	denyAll   = `{podSelector: {}}`
	letInAll  = `{podSelector: {}, ingress: [{}]}`
	denyInAll = `ingress: [{action: Deny, ` + fromAll + `}]`
)

func TestTiers(t *testing.T) {
	admin := func(action string) string {
		return cnp("a", `{tier: Admin, priority: 1, `+shopOnly+`, ingress: [{action: `+action+`, `+fromAll+`}]}`)
	}
	base := func(action string) string {
		return cnp("b", `{tier: Baseline, priority: 1, `+shopOnly+`, ingress: [{action: `+action+`, `+fromAll+`}]}`)
	}
	for name, c := range map[string]struct {
		policies []string
		want     string
	}{
		"admin accepts, whatever comes after":        {[]string{admin("Accept"), np("any", denyAll), base("Deny")}, "allowed ingress a ingress[0]"},
		"admin denies, whatever comes after":         {[]string{admin("Deny"), np("any", letInAll), base("Accept")}, "denied ingress a ingress[0]"},
		"admin passes to network policies that deny": {[]string{admin("Pass"), np("any", denyAll), base("Accept")}, "denied ingress shop/any"},
		"admin passes to those that allow":           {[]string{admin("Pass"), np("any", letInAll), base("Deny")}, "allowed ingress shop/any ingress[0]"},
		"admin passes to the baseline":               {[]string{admin("Pass"), base("Deny")}, "denied ingress b ingress[0]"},
		"baseline accepts":                           {[]string{base("Accept")}, "allowed ingress b ingress[0]"},
		"baseline passes":                            {[]string{base("Pass")}, "allowed"},
		"nothing else":                               {[]string{admin("Pass")}, "allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := shop(t)
			for _, p := range c.policies {
				c2.apply(p)
			}
			require.Equal(t, c.want, c2.says("shop/web > shop/db 80"))
		})
	}
}

func TestTheOlderKinds(t *testing.T) {
	c := shop(t).
		apply(anp("allow", `{priority: 5, `+shopOnly+`, ingress: [{action: Allow, `+fromProm+`, ports: [{portNumber: {protocol: TCP, port: 80}}, {portRange: {protocol: UDP, start: 10, end: 12}}, {namedPort: sql}]}]}`)).
		apply(anp("pass", `{priority: 6, `+shopOnly+`, ingress: [{action: Pass, `+fromShop+`}, {action: Deny, `+fromAll+`, ports: [{portNumber: {protocol: TCP, port: 81}}]}]}`)).
		apply(banp(`{` + everyPod + `, ` + denyInAll + `}`))
	c.decide(`
		ops/prom > shop/db 80: allowed ingress allow ingress[0]
		ops/prom > shop/db 11/udp: allowed
		ops/prom > shop/db 13/udp: denied ingress default ingress[0]
		ops/prom > shop/db 5432: allowed
		ops/prom > shop/other 5432: denied
		ops/prom > shop/db 81: denied ingress pass ingress[1]
		shop/web > shop/db 81: denied ingress default ingress[0]
		198.18.9.9 > shop/db 81: allowed`)
	c.apply(np("web", `{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`))
	c.decide(`
		shop/web > shop/db 81: allowed ingress shop/web ingress[0]
		ops/prom > shop/db 83: denied ingress shop/web`)
}

func TestPriorities(t *testing.T) {
	rule := func(name, priority, action string) string {
		return cnp(name, `{tier: Admin, priority: `+priority+`, `+everyPod+`, ingress: [{action: `+action+`, `+fromShop+`}]}`)
	}
	c := shop(t).apply(rule("ten", "10", "Deny"))
	require.Equal(t, "denied ingress ten ingress[0]", c.says("shop/web > shop/db 80"))
	c.apply(rule("nine", "9", "Accept"))
	require.Equal(t, "allowed ingress nine ingress[0]", c.says("shop/web > shop/db 80"))
	c.apply(rule("zero", "0", "Pass"))
	require.Equal(t, "allowed", c.says("shop/web > shop/db 80"))
	c.apply(rule("zero", "11", "Pass"))
	require.Equal(t, "allowed ingress nine ingress[0]", c.says("shop/web > shop/db 80"))
	c.Remove(Ref{KindClusterNetworkPolicy, "", "nine"}, InForce, second(1))
	require.Equal(t, "denied ingress ten ingress[0]", c.says("shop/web > shop/db 80"))
}

func TestOfEqualPrioritiesAnyMayComeFirst(t *testing.T) {
	rule := func(name, action, from string) string {
		return cnp(name, `{tier: Admin, priority: 7, `+everyPod+`, ingress: [{action: `+action+`, `+from+`}]}`)
	}
	c := shop(t).apply(rule("a", "Deny", fromShop)).apply(rule("b", "Accept", fromShop)).apply(rule("c", "Deny", fromAll))
	r := c.ask("shop/web > shop/db 80")
	require.Equal(t, Unknown, r.Decision)
	require.Equal(t, Ambiguous, r.Reason)
	c.decide(`ops/prom > shop/db 80: denied ingress c ingress[0]`)
	c.Remove(Ref{KindClusterNetworkPolicy, "", "b"}, InForce, second(1))
	c.decide(`shop/web > shop/db 80: denied`)
}

func TestEgressPeersOfClusterNetworkPolicies(t *testing.T) {
	for name, c := range map[string]struct{ to, decides string }{
		"namespaces": {`{namespaces: {matchLabels: {team: b}}}`, `
			shop/web > ops/prom 1: denied
			shop/web > shop/db 1: allowed
			shop/web > node:n2 1: allowed`},
		"nodes by label": {`{nodes: {matchLabels: {zone: "2"}}}`, `
			shop/web > node:n2 1: denied
			shop/web > node:n1 1: allowed
			shop/web > ops/prom 1: allowed
			shop/web > node:n9 1: unknown
			shop/web > 198.18.0.2 1: allowed`},
		"all nodes": {`{nodes: {}}`, `
			shop/web > node:n1 1: denied
			shop/web > node:n9 1: denied`},
		"networks, pods included": {`{networks: [198.18.9.0/24, 198.18.129.0/24, "fd00::/64"]}`, `
			shop/web > 198.18.9.9 1: denied
			shop/web > ops/prom 1: denied
			shop/web > shop/other 1: denied
			shop/web > shop/db 1: allowed`},
		"names": {`{domainNames: ["*.example.com"]}`, `
			shop/web > 198.18.9.9 1: unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			shop(t).apply(cnp("p", `{tier: Admin, priority: 1, `+shopOnly+`, egress: [{action: Deny, to: [`+c.to+`]}]}`)).decide(c.decides)
		})
	}
}

func TestProtocolsOfClusterNetworkPolicies(t *testing.T) {
	c := shop(t).apply(cnp("p", `{tier: Admin, priority: 1, `+shopOnly+`, ingress: [{action: Deny, `+fromAll+`, protocols: [
		{tcp: {destinationPort: {number: 80}}}, {udp: {destinationPort: {range: {start: 10, end: 12}}}}, {sctp: {destinationPort: {number: 9}}}, {destinationNamedPort: sync}]}]}`))
	c.decide(`
		shop/web > shop/db 80: denied
		shop/web > shop/db 81: allowed
		shop/web > shop/db 80/udp: allowed
		shop/web > shop/db 12/udp: denied
		shop/web > shop/db 13/udp: allowed
		shop/web > shop/db 9/sctp: denied
		shop/web > shop/db 5432/udp: denied
		shop/web > shop/db 5432: allowed
		shop/web > shop/db 0/icmp: allowed`)
	c = shop(t).apply(cnp("p", `{tier: Admin, priority: 1, `+shopOnly+`, ingress: [{action: Deny, `+fromAll+`}]}`))
	c.decide(`shop/web > shop/db 0/icmp: denied`)
}

func TestPodsOnTheirNodesNetworkAreNobodysSubject(t *testing.T) {
	c := shop(t).
		pod("shop/agent", "app=web", "198.18.0.1", func(p *Pod) { p.HostNetwork = true }).
		apply(cnp("p", `{tier: Admin, priority: 1, `+everyPod+`, ingress: [{action: Deny, `+fromAll+`}]}`))
	c.decide(`
		ops/prom > shop/agent 1: allowed
		shop/agent > ops/prom 1: allowed
		shop/web > ops/prom 1: denied`)
}

// A pod that a NetworkPolicy isolates in the other direction only: the API says
// that the baseline is for "pods not selected by a v1.NetworkPolicy".
func TestTheBaselineOfAPodThatIsIsolatedElsewhere(t *testing.T) {
	c := shop(t).apply(banp(`{` + everyPod + `, ` + denyInAll + `}`)).
		apply(np("out", `{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}`))
	r := c.ask("shop/web > shop/db 80")
	require.Equal(t, Unknown, r.Decision)
	require.Equal(t, Ambiguous, r.Reason)
	c.decide(`shop/db > shop/web 80: denied`)
	c.apply(banp(`{` + everyPod + `, ingress: [{action: Allow, ` + fromAll + `}]}`))
	c.decide(`shop/web > shop/db 80: allowed`)
}

func TestPartsThatCannotBeReadMakeItUnknown(t *testing.T) {
	accept := func(from string) string {
		return cnp("p", `{tier: Admin, priority: 1, `+shopOnly+`, ingress: [{action: Deny, `+fromProm+`}, {action: Accept, `+from+`}]}`)
	}
	for name, c := range map[string]struct{ policy, said, decides string }{
		"a new kind of peer": {accept(`from: [{galaxies: {}}]`), `spec.ingress[1].from[0].galaxies`, `
			ops/prom > shop/db 80: denied
			shop/web > shop/db 80: allowed
			shop/db > shop/web 80: allowed`},
		"a new field of a rule": {cnp("p", `{tier: Admin, priority: 1, `+shopOnly+`, ingress: [{action: Deny, `+fromProm+`, moon: full}]}`), `spec.ingress[0].moon`, `
			ops/prom > shop/db 80: unknown
			shop/web > shop/db 80: unknown
			shop/web > ops/prom 80: allowed`},
		"a new action": {cnp("p", `{tier: Admin, priority: 1, `+shopOnly+`, ingress: [{action: Log, `+fromProm+`}]}`), `spec.ingress[0].action: "Log" is not supported`, `
			ops/prom > shop/db 80: unknown`},
		"a new tier": {cnp("p", `{tier: Cellar, priority: 1, `+shopOnly+`}`), `spec.tier: "Cellar" is not supported`, `
			ops/prom > shop/db 80: unknown
			shop/web > ops/prom 80: unknown`},
		"a new field of the spec": {cnp("p", `{tier: Admin, priority: 1, moon: full, `+shopOnly+`}`), `spec.moon`, `
			ops/prom > shop/db 80: unknown
			shop/web > ops/prom 80: unknown
			ops/prom > bare/x 80: allowed`},
		"a subject of a new kind": {cnp("p", `{tier: Admin, priority: 1, subject: {moons: {}}, ingress: [{action: Deny, `+fromAll+`, protocols: [{tcp: {destinationPort: {number: 80}}}]}]}`), `spec.subject.moons`, `
			ops/prom > shop/db 80: unknown
			ops/prom > shop/db 81: allowed`},
		"no peers": {cnp("p", `{tier: Admin, priority: 1, `+shopOnly+`, ingress: [{action: Deny, from: []}]}`), `spec.ingress[0].from: is empty`, `
			ops/prom > shop/db 80: unknown`},
		"not its type": {cnp("p", `{tier: Admin, priority: high, `+shopOnly+`}`), `spec: `, `
			ops/prom > shop/db 80: unknown`},
		"NetworkPolicy: a new field beside ingress": {np("p", `{podSelector: {matchLabels: {app: db}}, ingress: [{}], ingressTwo: []}`), `spec.ingressTwo`, `
			ops/prom > shop/db 80: unknown
			ops/prom > shop/web 80: allowed`},
		"NetworkPolicy: bad CIDR": {np("p", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 198.18.0.0/33}}]}, {ports: [{port: 80}]}]}`), `spec.ingress[0].from[0].ipBlock.cidr: "198.18.0.0/33" is no CIDR`, `
			ops/prom > shop/db 80: allowed
			ops/prom > shop/db 81: unknown
			shop/db > shop/web 81: allowed`},
		"NetworkPolicy: bad port": {np("p", `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 70000}]}]}`), `spec.ingress[0].ports[0]: 70000-70000 is no range of ports`, `
			ops/prom > shop/db 80: unknown`},
		"NetworkPolicy: endPort of a name": {np("p", `{podSelector: {}, ingress: [{ports: [{port: sql, endPort: 9}]}]}`), `spec.ingress[0].ports[0].endPort: needs a port that is a number`, `
			ops/prom > shop/db 80: unknown`},
		"NetworkPolicy: bad selector": {np("p", `{podSelector: {matchExpressions: [{key: a, operator: Near}]}}`), `spec.podSelector: `, `
			ops/prom > shop/db 80: unknown
			shop/db > ops/prom 80: allowed`},
		"NetworkPolicy: bad policy type": {np("p", `{podSelector: {matchLabels: {app: db}}, policyTypes: [Sideways]}`), `spec.policyTypes[0]: "Sideways" is not supported`, `
			ops/prom > shop/db 80: unknown
			ops/prom > shop/web 80: allowed`},
		"NetworkPolicy: peer of no known kind": {np("p", `{podSelector: {}, ingress: [{from: [{}]}]}`), `spec.ingress[0].from[0]: names nobody that is known`, `
			ops/prom > shop/db 80: unknown`},
		"NetworkPolicy: bad protocol": {np("p", `{podSelector: {}, ingress: [{ports: [{protocol: ICMP}]}]}`), `spec.ingress[0].ports[0].protocol: protocol "ICMP" is not supported`, `
			ops/prom > shop/db 80: unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := shop(t)
			err := c2.policies(c.policy)
			require.ErrorContains(t, err, c.said)
			require.ErrorContains(t, err, "is read in part")
			c2.decide(c.decides)
		})
	}
}
