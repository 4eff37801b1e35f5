package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// FuzzPolicies puts whatever YAML says in force, asks, and takes it away again:
// nothing panics, nothing is left, and what comes through the other views agrees.
func FuzzPolicies(f *testing.F) {
	for _, text := range []string{
		np("a", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 198.18.0.0/16, except: [198.18.9.0/24]}}], ports: [{port: sql}, {port: 1, endPort: 9}]}]}`),
		anp("a", `{priority: 5, `+shopOnly+`, ingress: [{action: Allow, `+fromProm+`, ports: [{namedPort: sql}]}], egress: [{action: Deny, to: [{networks: [198.18.0.0/16, "fd00::/8"]}, {nodes: {}}]}]}`),
		banp(`{` + everyPod + `, ` + denyInAll + `}`),
		cnp("a", `{tier: Baseline, priority: 1, `+everyPod+`, ingress: [{action: Pass, `+fromAll+`, protocols: [{tcp: {destinationPort: {range: {start: 1, end: 9}}}}]}]}`),
		cil("a", `{endpointSelector: {}, ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{}]}}]}], egressDeny: [{toCIDRSet: [{cidr: 198.18.0.0/16, except: [198.18.9.0/24]}]}]}`),
		ccil("a", `{nodeSelector: {}, enableDefaultDeny: {egress: true}, egress: [{toFQDNs: [{matchPattern: "*"}]}]}`),
		"kind: CiliumNetworkPolicy\napiVersion: cilium.io/v2\nmetadata: {name: 1}\nspecs: [{}, null, 7]",
		"kind: NetworkPolicyList\nitems: [{kind: NetworkPolicy, spec: []}]",
	} {
		f.Add([]byte(text))
	}
	c := shop(f)
	ends := []string{"shop/web", "shop/db", "ops/prom", "shop/new", "node:n1", "node:n9", "198.18.9.9", "fd00::9", "?"}
	empty := c.Stats()
	f.Fuzz(func(t *testing.T, text []byte) {
		objs, _ := Parse(text)
		var refs []Ref
		for _, o := range objs {
			for _, v := range []View{InForce, Candidates} {
				if ref, err := c.Put(o, v, second(0)); ref != (Ref{}) {
					refs = append(refs, ref)
					_ = err
				}
			}
		}
		for _, src := range ends {
			for _, dst := range ends {
				conn := &Connection{Src: c.party(src), Dst: c.party(dst), Port: 80, Proto: flow.TCP}
				// The candidates are the same policies.
				require.Equal(t, c.Evaluate(conn, InForce).Decision, c.Evaluate(conn, Candidates).Decision)
			}
		}
		for _, ref := range refs {
			c.Remove(ref, InForce, second(0))
			c.Remove(ref, Candidates, second(0))
		}
		now := c.Stats()
		now.Bytes = empty.Bytes // rows of bits stay as long as they were
		require.Equal(t, empty, now)
	})
}
