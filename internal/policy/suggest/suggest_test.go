package suggest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/policy"
)

func addr(text string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(text)) }

func web(node string) Workload {
	return Workload{Namespace: "shop", Kind: "Deployment", Name: "web", Node: node, Seen: 2, Replicas: 5,
		Labels: map[string]string{"app": "web", "tier": "front"}}
}

var (
	db   = Peer{Namespace: "shop", Labels: map[string]string{"app": "db"}}
	lb   = Peer{Namespace: "edge", Labels: map[string]string{"app": "lb"}}
	prom = Peer{Namespace: "ops", Labels: map[string]string{"app": "prom"}}
	bare = Peer{Namespace: "bare"}
	api  = Peer{Addr: addr("198.18.9.9"), Domain: "api.example.com"}
	api6 = Peer{Addr: addr("fd00::9"), Domain: "api.example.com"}
	bank = Peer{Addr: addr("198.18.9.10")}
)

var seen = []Edge{
	{policy.Ingress, lb, 8080, flow.TCP},
	{policy.Ingress, prom, 9090, flow.TCP},
	{policy.Ingress, prom, 8080, flow.TCP},
	{policy.Egress, db, 5432, flow.TCP},
	{policy.Egress, api, 443, flow.TCP},
	{policy.Egress, api6, 443, flow.TCP},
	{policy.Egress, api6, 443, flow.UDP},
	{policy.Egress, bank, 443, flow.TCP},
}

func TestGolden(t *testing.T) {
	for name, c := range map[string]struct {
		w     Workload
		edges []Edge
	}{
		"everything": {web("n1"), seen},
		"nothing":    {Workload{Namespace: "shop", Kind: "Job", Name: "Once", Node: "n1.example.com", Seen: 1, Labels: map[string]string{"app": "once"}}, nil},
		"vague":      {web("n2"), []Edge{{policy.Ingress, bare, 8080, flow.TCP}, {policy.Egress, db, 0, flow.ICMP}, {policy.Egress, db, 9, flow.SCTP}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := YAML(c.w, c.edges)
			require.NoError(t, err)
			file := filepath.Join("testdata", name+".yaml")
			// To write it anew: require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func TestTheOrderAndRepetitionOfEdgesDoNotMatter(t *testing.T) {
	want, err := YAML(web("n1"), seen)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		edges := append([]Edge{}, seen...)
		edges = append(edges, seen[r.IntN(len(seen))])
		r.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
		got, err := YAML(web("n1"), edges)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// cluster knows a pod of each peer, and of the workload.
func cluster(t *testing.T, files ...string) *policy.Evaluator {
	e, err := policy.New(policy.NewDefaultConfig())
	require.NoError(t, err)
	for _, p := range []Peer{db, lb, prom, bare, {Namespace: "shop", Labels: web("").Labels}, *clusterDNS(), {Namespace: "ops", Labels: db.Labels}} {
		labels := map[string]string{"pod-template-hash": "1"}
		for k, v := range p.Labels {
			labels[k] = v
		}
		require.NoError(t, e.PutPod(&policy.Pod{UID: textOf(&p), Namespace: p.Namespace, Labels: labels, Node: "elsewhere"}, 1))
		require.NoError(t, e.PutNamespace(&policy.Namespace{Name: p.Namespace, Labels: map[string]string{"kubernetes.io/metadata.name": p.Namespace}}, 1))
	}
	for _, text := range files {
		objs, err := policy.Parse([]byte(text))
		require.NoError(t, err)
		require.Len(t, objs, 1)
		_, err = e.Put(objs[0], policy.InForce, 1)
		require.NoError(t, err)
	}
	return e
}

func decide(e *policy.Evaluator, edge Edge) policy.Decision {
	party := func(p Peer) policy.Party {
		if p.Namespace == "" {
			return policy.Party{Kind: flow.External, Addr: p.Addr}
		}
		return policy.Party{Kind: flow.Pod, Pod: textOf(&p)}
	}
	c := policy.Connection{Src: party(Peer{Namespace: "shop", Labels: web("").Labels}), Dst: party(edge.Peer), Port: edge.Port, Proto: edge.Proto}
	if edge.Direction == policy.Ingress {
		c.Src, c.Dst = c.Dst, c.Src
	}
	return e.Evaluate(&c, policy.InForce).Decision
}

func TestTheUnionOfTheNodesAllowsWhatWasSeenAndNothingElse(t *testing.T) {
	one, err := YAML(web("n1"), seen[:4])
	require.NoError(t, err)
	two, err := YAML(web("n2"), seen[4:])
	require.NoError(t, err)
	e := cluster(t, one, two)
	for _, edge := range seen {
		require.Equal(t, policy.Allowed, decide(e, edge), fmt.Sprint(edge))
	}
	for _, edge := range []Edge{
		{policy.Ingress, lb, 9090, flow.TCP},
		{policy.Ingress, lb, 8080, flow.UDP},
		{policy.Ingress, db, 8080, flow.TCP},
		{policy.Ingress, api, 8080, flow.TCP},
		{policy.Egress, lb, 8080, flow.TCP},
		{policy.Egress, db, 5433, flow.TCP},
		{policy.Egress, Peer{Namespace: "ops", Labels: db.Labels}, 5432, flow.TCP},
		{policy.Egress, Peer{Addr: addr("198.18.9.11")}, 443, flow.TCP},
		{policy.Egress, Peer{Addr: addr("fd00::a")}, 443, flow.TCP},
		{policy.Egress, bank, 443, flow.UDP},
	} {
		require.Equal(t, policy.Denied, decide(e, edge), fmt.Sprint(edge))
	}
	require.Equal(t, policy.Allowed, decide(e, Edge{policy.Egress, *clusterDNS(), 53, flow.UDP}))
	require.Equal(t, policy.Denied, decide(cluster(t, one), seen[4]), "a part alone")
}

func TestStableLabels(t *testing.T) {
	pod := func(more string) map[string]string {
		all := map[string]string{"app": "web", "pod-template-hash": "5d", "controller-revision-hash": "7", "apps.kubernetes.io/pod-index": "0"}
		for pair := range strings.SplitSeq(more, ",") {
			k, v, _ := strings.Cut(pair, "=")
			all[k] = v
		}
		return all
	}
	require.Nil(t, Stable())
	require.Equal(t, map[string]string{"app": "web", "a": "1"}, Stable(pod("a=1")))
	require.Equal(t, map[string]string{"app": "web"}, Stable(pod("a=1,b=1"), pod("a=2"), pod("a=1,b=1")))
}

func TestWhatCannotBeSuggested(t *testing.T) {
	w := web("n1")
	_, err := YAML(w, make([]Edge, maxEdges+1))
	require.ErrorIs(t, err, ErrTooMany)
	w.Labels = nil
	_, err = YAML(w, seen)
	require.ErrorIs(t, err, ErrNoLabels)
}

func TestNamesThatNoHostHasAreLeftOut(t *testing.T) {
	hostile := Peer{Addr: addr("198.18.9.9"), Domain: "x\n198.18.9.10 bank.example.com"}
	p, _, err := Policy(web("n1"), []Edge{{policy.Egress, hostile, 443, flow.TCP}})
	require.NoError(t, err)
	require.NotContains(t, p.Annotations, "ebpfnet/domains")
}

func TestTheAnnotationOfDomainsIsBounded(t *testing.T) {
	var edges []Edge
	for i := range maxEdges {
		edges = append(edges, Edge{policy.Egress, Peer{Addr: addr(fmt.Sprintf("198.18.%d.%d", i/256, i%256)), Domain: strings.Repeat("a", 200)}, 443, flow.TCP})
	}
	p, _, err := Policy(web("n1"), edges)
	require.NoError(t, err)
	require.Less(t, len(p.Annotations["ebpfnet/domains"]), maxDomains+100)
	require.Regexp(t, `and \d+ more$`, p.Annotations["ebpfnet/domains"])
}

func TestANameThatIsTooLong(t *testing.T) {
	w := web(strings.Repeat("n", 250))
	p, _, err := Policy(w, nil)
	require.NoError(t, err)
	require.LessOrEqual(t, len(p.Name), 253)
	other, _, err := Policy(web(strings.Repeat("n", 251)), nil)
	require.NoError(t, err)
	require.NotEqual(t, p.Name, other.Name)
}
