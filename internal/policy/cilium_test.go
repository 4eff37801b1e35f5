package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// cil is a CiliumNetworkPolicy of namespace shop, ccil one of the cluster.
func cil(name, spec string) string {
	return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec + "\n"
}

func ccil(name, spec string) string {
	return "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

const ofDB = `endpointSelector: {matchLabels: {app: db}}`

func TestCiliumDefaults(t *testing.T) {
	for name, c := range map[string]struct{ spec, want string }{
		"a direction without rules stays open": {`{` + ofDB + `, egress: [{}]}`, "allowed"},
		"an empty list of rules is none":       {`{` + ofDB + `, ingress: []}`, "allowed"},
		"an empty rule allows nobody":          {`{` + ofDB + `, ingress: [{}]}`, "denied ingress shop/p"},
		"all of the namespace":                 {`{` + ofDB + `, ingress: [{fromEndpoints: [{}]}]}`, "allowed ingress shop/p ingress[0]"},
		"told not to deny":                     {`{` + ofDB + `, enableDefaultDeny: {ingress: false}, ingress: [{fromEndpoints: [{matchLabels: {app: x}}]}]}`, "allowed"},
		"told to deny":                         {`{` + ofDB + `, enableDefaultDeny: {ingress: true}}`, "denied ingress shop/p"},
		"a rule that denies denies the rest":   {`{` + ofDB + `, ingressDeny: [{fromEndpoints: [{matchLabels: {app: x}}]}]}`, "denied ingress shop/p"},
		"denying goes before allowing": {`{` + ofDB + `, ingress: [{fromEndpoints: [{}]}], ingressDeny: [{fromEndpoints: [{matchLabels: {app: web}}]}]}`,
			"denied ingress shop/p ingressDeny[0]"},
		"ports alone allow anybody": {`{` + ofDB + `, ingress: [{toPorts: [{ports: [{port: "80"}]}]}]}`, "allowed ingress shop/p ingress[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, shop(t).apply(cil("p", c.spec)).says("shop/web > shop/db 80"))
		})
	}
}

func TestCiliumPeers(t *testing.T) {
	for name, c := range map[string]struct{ rule, decides string }{
		"own namespace": {`fromEndpoints: [{matchLabels: {app: web}}]`, `
			shop/web > shop/db 1: allowed
			ops/prom > shop/db 1: denied`},
		"prefixes": {`fromEndpoints: [{matchLabels: {"k8s:app": web, "any:tier": front}}]`, `
			shop/web > shop/db 1: allowed
			shop/other > shop/db 1: denied`},
		"another namespace": {`fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": ops}}]`, `
			shop/web > shop/db 1: denied
			ops/prom > shop/db 1: allowed`},
		"any namespace": {`fromEndpoints: [{matchExpressions: [{key: "k8s:io.kubernetes.pod.namespace", operator: Exists}]}]`, `
			shop/web > shop/db 1: allowed
			ops/prom > shop/db 1: allowed
			198.18.9.9 > shop/db 1: denied`},
		"namespaces by label": {`fromEndpoints: [{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": b}}]`, `
			shop/web > shop/db 1: denied
			ops/prom > shop/db 1: allowed`},
		"service account": {`fromEndpoints: [{matchLabels: {"io.cilium.k8s.policy.serviceaccount": till}}]`, `
			shop/till > shop/db 1: allowed
			shop/web > shop/db 1: denied`},
		"any service account": {`fromEndpoints: [{matchExpressions: [{key: "io.cilium.k8s.policy.serviceaccount", operator: Exists}]}]`, `
			shop/till > shop/db 1: allowed
			shop/web > shop/db 1: denied`},
		"CIDR is of nobody inside": {`fromCIDR: [198.18.0.0/15]`, `
			198.18.9.9 > shop/db 1: allowed
			shop/web > shop/db 1: denied
			node:n2 > shop/db 1: unknown
			198.20.0.1 > shop/db 1: denied`},
		"an address": {`fromCIDR: [198.18.9.9]`, `
			198.18.9.9 > shop/db 1: allowed
			198.18.9.8 > shop/db 1: denied`},
		"CIDR set": {`fromCIDRSet: [{cidr: 198.18.0.0/16, except: [198.18.9.0/24]}]`, `
			198.18.8.9 > shop/db 1: allowed
			198.18.9.9 > shop/db 1: denied`},
		"all": {`fromEntities: [all]`, `
			? > shop/db 1: allowed
			node:n2 > shop/db 1: allowed`},
		"world": {`fromEntities: [world]`, `
			198.18.9.9 > shop/db 1: allowed
			fd00::9 > shop/db 1: allowed
			shop/web > shop/db 1: denied
			node:n2 > shop/db 1: denied
			? > shop/db 1: unknown`},
		"world by family": {`fromEntities: [world-ipv6]`, `
			198.18.9.9 > shop/db 1: denied
			fd00::9 > shop/db 1: allowed`},
		"cluster": {`fromEntities: [cluster]`, `
			shop/web > shop/db 1: allowed
			shop/new > shop/db 1: allowed
			node:n2 > shop/db 1: allowed
			198.18.9.9 > shop/db 1: denied`},
		"remote nodes": {`fromEntities: [remote-node]`, `
			node:n2 > shop/db 1: allowed
			shop/web > shop/db 1: denied`},
		"the API server": {`fromEntities: [kube-apiserver]`, `
			node:n2 > shop/db 1: unknown
			198.18.9.9 > shop/db 1: unknown
			shop/web > shop/db 1: denied`},
		"health": {`fromEntities: [health]`, `
			shop/new > shop/db 1: unknown
			shop/web > shop/db 1: denied`},
		"none": {`fromEntities: [none]`, `
			shop/web > shop/db 1: denied
			? > shop/db 1: denied`},
	} {
		t.Run(name, func(t *testing.T) {
			shop(t).
				pod("shop/till", "app=till", "198.18.128.40", func(p *Pod) { p.ServiceAccount = "till" }).
				apply(cil("p", `{`+ofDB+`, ingress: [{`+c.rule+`}]}`)).decide(c.decides)
		})
	}
}

func TestTheHostMayAlwaysReachItsPodsButNotTheyIt(t *testing.T) {
	c := shop(t).apply(cil("p", `{endpointSelector: {}, ingress: [{}], egress: [{toEntities: [remote-node]}]}`))
	c.decide(`
		node:n1 > shop/db 1: allowed
		node:n2 > shop/db 1: denied
		shop/db > node:n1 1: denied
		shop/db > node:n2 1: allowed`)
	c.apply(cil("p", `{endpointSelector: {}, egress: [{toEntities: [host]}]}`))
	c.decide(`
		shop/db > node:n1 1: allowed
		shop/db > node:n2 1: denied`)
}

func TestCiliumPorts(t *testing.T) {
	c := shop(t).apply(cil("p", `{endpointSelector: {}, ingress: [{fromEndpoints: [{}], toPorts: [
		{ports: [{port: "80", protocol: TCP}, {port: "90", endPort: 92}, {port: SQL, protocol: tcp}, {port: "0", protocol: SCTP}]},
		{ports: [{port: "443", protocol: TCP}], rules: {http: [{method: GET}]}},
		{ports: [{port: "444", protocol: TCP}], rules: {}}]},
		{icmps: [{fields: [{type: 8, family: IPv4}]}]}]}`))
	c.decide(`
		shop/web > shop/db 80: allowed
		shop/web > shop/db 80/udp: denied
		shop/web > shop/db 91: allowed
		shop/web > shop/db 91/udp: allowed
		shop/web > shop/db 93: denied
		shop/web > shop/db 5432: allowed
		shop/web > shop/other 5432: denied
		shop/web > shop/db 7/sctp: allowed
		shop/web > shop/db 443: unknown ingress shop/p ingress[0]
		shop/web > shop/db 444: allowed
		shop/web > shop/db 0/icmp: unknown ingress shop/p ingress[1]
		ops/prom > shop/db 443: denied`)
	require.Equal(t, UnknownPolicy, c.ask("shop/web > shop/db 443").Reason)
}

func TestCiliumEgress(t *testing.T) {
	c := shop(t).apply(cil("p", `{endpointSelector: {matchLabels: {app: web}}, egress: [{toFQDNs: [{matchName: example.com}]}, {toEndpoints: [{matchLabels: {app: db}}]}],
		egressDeny: [{toCIDR: [198.18.66.0/24]}]}`))
	c.decide(`
		shop/web > shop/db 1: allowed egress shop/p egress[1]
		shop/web > shop/other 1: denied egress shop/p
		shop/web > 198.18.9.9 1: unknown egress shop/p egress[0]
		shop/web > 198.18.66.9 1: denied egress shop/p egressDeny[0]`)
}

func TestCiliumAndNetworkPoliciesAddUp(t *testing.T) {
	c := shop(t).apply(np("closed", `{podSelector: {}}`)).
		apply(cil("web", `{`+ofDB+`, ingress: [{fromEndpoints: [{matchLabels: {app: web}}]}]}`)).
		apply(ccil("prom", `{endpointSelector: {matchLabels: {app: db}}, ingress: [{fromEndpoints: [{matchLabels: {app: prom}}]}]}`)).
		apply(ccil("not", `{endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": shop}}, enableDefaultDeny: {ingress: false}, ingressDeny: [{fromEndpoints: [{}], toPorts: [{ports: [{port: "22"}]}]}]}`))
	c.decide(`
		shop/web > shop/db 1: allowed ingress shop/web ingress[0]
		ops/prom > shop/db 1: allowed ingress prom ingress[0]
		shop/other > shop/db 1: denied
		shop/web > shop/db 22: denied ingress not ingressDeny[0]
		ops/prom > shop/db 22: denied
		shop/db > ops/prom 22: allowed`)
}

func TestDenyingGoesBeforeAllowingWhateverTheOrder(t *testing.T) {
	for _, names := range [][2]string{{"a", "c"}, {"c", "a"}} {
		c := shop(t).apply(cil("b", `{`+ofDB+`, ingress: [{fromEntities: [all]}]}`)).apply(cil(names[0], `{`+ofDB+`, ingress: [{fromEndpoints: [{}]}]}`)).
			apply(cil(names[1], `{`+ofDB+`, ingressDeny: [{fromEndpoints: [{matchLabels: {app: web}}]}]}`))
		c.decide(`
			shop/web > shop/db 1: denied ingress shop/` + names[1] + ` ingressDeny[0]
			shop/other > shop/db 1: allowed`)
	}
	c := shop(t).apply(ccil("wide", `{endpointSelector: {}, ingress: [{fromEntities: [all]}]}`)).
		apply(cil("web", `{`+ofDB+`, ingressDeny: [{fromEndpoints: [{matchLabels: {app: web}}]}]}`))
	c.decide(`
		shop/web > shop/db 1: denied ingress shop/web ingressDeny[0]
		shop/other > shop/db 1: allowed ingress wide ingress[0]`)
}

func TestARuleThatMayDeny(t *testing.T) {
	c := shop(t).apply(cil("p", `{endpointSelector: {}, egress: [{toEntities: [all]}], egressDeny: [{toEntities: [kube-apiserver]}]}`))
	c.decide(`
		shop/web > node:n2 6443: unknown egress shop/p egressDeny[0]
		shop/web > shop/db 6443: allowed egress shop/p egress[0]`)
	c.apply(cil("p", `{endpointSelector: {}, egress: [{}], egressDeny: [{toEntities: [kube-apiserver]}]}`))
	c.decide(`shop/web > node:n2 6443: denied egress shop/p`)
}

func TestNamespacesOfASubject(t *testing.T) {
	c := shop(t).apply(cil("name", `{endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": ops, app: db}}, ingress: [{}]}`)).
		apply(cil("label", `{endpointSelector: {matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": b}}, ingress: [{}]}`))
	c.decide(`
		shop/web > shop/db 1: denied ingress shop/name
		shop/web > ops/prom 1: allowed
		shop/db > shop/web 1: allowed`)
	c.namespace("shop", "team=b")
	c.decide(`shop/db > shop/web 1: denied ingress shop/label`)
}

func TestSeveralSpecsInOneObject(t *testing.T) {
	c := shop(t).apply("apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\n" +
		`specs: [{` + ofDB + `, ingress: [{fromEndpoints: [{matchLabels: {app: web}}]}]}, {endpointSelector: {matchLabels: {app: web}}, ingress: [{}]}]`)
	c.decide(`
		shop/web > shop/db 1: allowed ingress shop/p specs[0].ingress[0]
		shop/db > shop/web 1: denied ingress shop/p
		shop/db > shop/other 1: allowed`)
	c.Remove(Ref{KindCiliumNetworkPolicy, "shop", "p"}, InForce, second(1))
	c.decide(`shop/db > shop/web 1: allowed`)
	require.Equal(t, 0, c.Stats().Selectors)
}

func TestPartsOfCiliumsPoliciesThatAreNotEvaluated(t *testing.T) {
	for name, c := range map[string]struct{ policy, said, decides string }{
		"services": {cil("p", `{endpointSelector: {matchLabels: {app: web}}, egress: [{toServices: [{k8sService: {serviceName: x}}]}]}`), `spec.egress[0].toServices`, `
			shop/web > shop/db 1: unknown
			shop/db > shop/web 1: allowed`},
		"groups of CIDRs": {cil("p", `{`+ofDB+`, ingress: [{fromCIDRSet: [{cidrGroupRef: x}]}]}`), `cidrGroupRef`, `
			198.18.9.9 > shop/db 1: unknown`},
		"requirements bear on all rules": {cil("p", `{`+ofDB+`, ingress: [{fromEndpoints: [{}]}, {fromRequires: [{matchLabels: {a: b}}]}]}`), `fromRequires`, `
			shop/web > shop/db 1: unknown`},
		"authentication": {cil("p", `{`+ofDB+`, ingress: [{fromEndpoints: [{}], authentication: {mode: required}}]}`), `authentication`, `
			shop/web > shop/db 1: unknown`},
		"an entity": {cil("p", `{`+ofDB+`, ingress: [{fromEntities: [moon]}]}`), `spec.ingress[0].fromEntities[0]: "moon" is not supported`, `
			shop/web > shop/db 1: unknown`},
		"kinds of peers combined": {cil("p", `{`+ofDB+`, ingress: [{fromEntities: [world], fromCIDR: [198.18.0.0/16]}]}`), `combines 2 kinds of peers`, `
			shop/web > shop/db 1: unknown`},
		"an empty list of peers": {cil("p", `{`+ofDB+`, ingress: [{fromEndpoints: []}]}`), `has an empty list of peers`, `
			shop/web > shop/db 1: unknown`},
		"labels of another source": {cil("p", `{`+ofDB+`, ingress: [{fromEndpoints: [{matchLabels: {"reserved:host": ""}}]}]}`), `labels of source reserved cannot be evaluated`, `
			shop/web > shop/db 1: unknown`},
		"a label that Cilium may not keep": {cil("p", `{`+ofDB+`, ingress: [{fromEndpoints: [{matchLabels: {statefulset.kubernetes.io/pod-name: x}}]}]}`), `does not keep by default`, `
			shop/web > shop/db 1: unknown`},
		"a subject that cannot be read": {cil("p", `{endpointSelector: {matchLabels: {"container:x": z}}, ingress: [{}]}`), `spec.endpointSelector: labels of source container cannot be evaluated`, `
			shop/web > shop/db 1: unknown
			shop/web > ops/prom 1: unknown
			ops/prom > bare/x 1: allowed`},
		"policies of nodes": {ccil("p", `{nodeSelector: {matchLabels: {zone: "1"}}, ingress: [{fromEntities: [cluster]}]}`), `spec.nodeSelector: policies of nodes are not evaluated`, `
			ops/prom > node:n1 1: unknown
			ops/prom > node:n2 1: allowed
			shop/web > shop/db 1: allowed`},
		"no spec": {"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\n", `spec: is missing`, `
			shop/web > shop/db 1: unknown`},
		"specs of no type": {"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspecs: [{" + ofDB + ", ingress: [{toPorts: 7}]}]", `specs[0]: `, `
			shop/web > shop/db 1: unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := shop(t)
			require.ErrorContains(t, c2.policies(c.policy), c.said)
			c2.decide(c.decides)
		})
	}
}
