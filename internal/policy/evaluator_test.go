package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNothingIsLeftOfWhatIsRemoved(t *testing.T) {
	c := newCluster(t)
	empty := c.Stats()
	for range 3 {
		for i := range 300 {
			ns := fmt.Sprint("ns-", i%7)
			c.namespace(ns, "n="+ns)
			c.pod(fmt.Sprint(ns, "/", i), fmt.Sprint("app=", i, ",common=x"), "198.18.128.1", func(p *Pod) {
				p.Ports = []NamedPort{{"a", 6, 1}}
			})
			c.node(fmt.Sprint("node-", i), fmt.Sprint("node=", i), "198.18.0.1")
			c.apply(np(fmt.Sprint("p", i), fmt.Sprintf(`{podSelector: {matchLabels: {app: "%d"}}, ingress: [{from: [{namespaceSelector: {matchLabels: {n: "%d"}}}]}]}`, i, i)))
			c.apply(cnp(fmt.Sprint("p", i), fmt.Sprintf(`{tier: Admin, priority: %d, `+everyPod+`, ingress: [{action: Pass, from: [{namespaces: {matchLabels: {n: "%d"}}}]}]}`, i, i)))
		}
		require.Equal(t, 600, c.Stats().Policies)
		require.Equal(t, 600, c.Stats().Selectors)
		for i := range 300 {
			ns := fmt.Sprint("ns-", i%7)
			c.RemoveNamespace(ns)
			c.RemovePod(fmt.Sprint(ns, "/", i))
			c.RemoveNode(fmt.Sprint("node-", i))
			c.Remove(Ref{KindNetworkPolicy, "shop", fmt.Sprint("p", i)}, InForce, second(1))
			c.Remove(Ref{KindClusterNetworkPolicy, "", fmt.Sprint("p", i)}, InForce, second(1))
		}
		require.Equal(t, empty, c.Stats())
		require.Empty(t, c.table.byHash)
		require.Equal(t, [2][2]int{}, c.applying)
	}
}

// A number that becomes free is given to the next selector: the bits of the one
// before it must not count.
func TestANumberOfASelectorIsUsedAgain(t *testing.T) {
	c := shop(t)
	for range 3 {
		c.apply(np("p", `{podSelector: {matchLabels: {app: db}}}`))
		c.decide(`
			shop/db > shop/web 1: allowed
			shop/web > shop/db 1: denied`)
		c.Remove(Ref{KindNetworkPolicy, "shop", "p"}, InForce, second(1))
		c.apply(np("p", `{podSelector: {matchLabels: {app: web}}}`))
		c.decide(`
			shop/db > shop/web 1: denied
			shop/web > shop/db 1: allowed`)
		c.Remove(Ref{KindNetworkPolicy, "shop", "p"}, InForce, second(1))
	}
	require.Len(t, c.table.selectors, 2)
}

// More selectors than a row has bits: the rows grow, and keep what they say.
func TestManySelectors(t *testing.T) {
	c := newCluster(t)
	for i := range 300 {
		c.pod(fmt.Sprint("shop/", i), fmt.Sprint("app=", i), "198.18.128.1")
		c.apply(np(fmt.Sprint("p", i), fmt.Sprintf(`{podSelector: {matchLabels: {app: "%d"}}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: ["%d", x]}]}}]}]}`, i, i+1)))
	}
	for i := range 299 {
		require.Equal(t, fmt.Sprintf("allowed ingress shop/p%d ingress[0]", i), c.says(fmt.Sprintf("shop/%d > shop/%d 1", i+1, i)))
		require.Equal(t, fmt.Sprintf("denied ingress shop/p%d", i+1), c.says(fmt.Sprintf("shop/%d > shop/%d 1", i, i+1)))
	}
}

// Of policies that decide alike the same is named, whatever came first.
func TestWhoIsNamedDoesNotDependOnTheOrderOfChanges(t *testing.T) {
	names := []string{"b", "a", "c"}
	for range names {
		names = append(names[1:], names[0])
		c := shop(t)
		for i, name := range names {
			subject := []string{"{app: db}", "{tier: back}", "{}"}[i]
			c.apply(np(name, `{podSelector: {matchLabels: `+subject+`}, ingress: [{ports: [{port: 80}]}]}`))
		}
		c.apply(np("A", `{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{}]}`))
		c.apply(ccil("a", `{`+ofDB+`, ingress: [{fromEntities: [all], toPorts: [{ports: [{port: "80"}]}]}]}`))
		c.decide(`
			shop/web > shop/db 80: allowed ingress shop/a ingress[0]
			shop/web > shop/db 81: denied ingress shop/a`)
	}
}

func TestAChangeOfLabelsCountsAtOnce(t *testing.T) {
	c := shop(t).apply(np("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}]}]}`))
	c.decide(`
		shop/web > shop/db 1: denied
		ops/prom > shop/db 1: allowed`)
	c.pod("shop/db", "app=queue", "198.18.128.11")
	c.decide(`shop/web > shop/db 1: allowed`)
	c.pod("shop/db", "app=db", "198.18.128.11")
	c.decide(`shop/web > shop/db 1: denied`)
	c.namespace("ops", "team=c").namespace("shop", "team=b")
	c.decide(`
		shop/web > shop/db 1: allowed
		ops/prom > shop/db 1: denied`)
}

func TestAGenerationIsReadOnce(t *testing.T) {
	c := shop(t)
	o := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", UID: "1", Generation: 4}}
	o.Spec.PolicyTypes = []networkingv1.PolicyType{"Sideways"}
	require.Error(t, c.PutNetworkPolicy(o, second(1)))
	require.Error(t, c.PutNetworkPolicy(o, second(2)), "the error is the same")
	require.Equal(t, second(1), c.ask("shop/web > shop/db 1").Since)
	o.Generation, o.Spec.PolicyTypes = 5, nil
	require.NoError(t, c.PutNetworkPolicy(o, second(3)))
	require.Equal(t, second(3), c.ask("shop/web > shop/db 1").Since)
	o.UID, o.Spec.PolicyTypes = "2", []networkingv1.PolicyType{"Sideways"}
	require.Error(t, c.PutNetworkPolicy(o, second(4)))
}

func TestChangesOfPoliciesAreCounted(t *testing.T) {
	c := shop(t)
	require.Zero(t, c.Changes())
	c.apply(np("p", `{podSelector: {}}`))
	require.EqualValues(t, 1, c.Changes())
	c.Remove(Ref{KindNetworkPolicy, "shop", "other"}, InForce, second(1))
	require.EqualValues(t, 1, c.Changes(), "there was none")
	require.Equal(t, []Ref{{KindNetworkPolicy, "shop", "p"}}, c.Refs())
	c.Remove(c.Refs()[0], InForce, second(1))
	require.EqualValues(t, 2, c.Changes())
	require.Empty(t, c.Refs())
}

func TestThousandsOfUnknownFields(t *testing.T) {
	c := shop(t)
	err := c.policies(np("p", `{podSelector: {matchLabels: {app: db}}, ingress: [`+strings.Repeat(`{moon: full}, `, 5000)+`{}]}`))
	require.ErrorContains(t, err, "moon and 91 more")
	c.decide(`
		shop/web > shop/db 1: unknown
		shop/web > shop/other 1: allowed`)
}

func TestAPolicyThatHasNoRoomByItself(t *testing.T) {
	c := newCluster(t, func(cfg *Config) { cfg.MaxMemory = 1 })
	err := c.policies(np("big", `{podSelector: {}, ingress: [{ports: [`+strings.Repeat(`{port: 1}, `, 10_000)+`]}]}`))
	require.ErrorIs(t, err, errFull)
	require.Zero(t, c.Stats().Selectors)
}

func TestWithoutRoomNothingIsGuessed(t *testing.T) {
	c := newCluster(t, func(cfg *Config) { cfg.MaxMemory = 1 })
	c.namespace("shop", "").pod("shop/web", "app=web", "198.18.128.1").pod("shop/db", "app=db", "198.18.128.2")
	var err error
	n := 0
	for ; err == nil && n < 100_000; n++ {
		err = c.PutPod(&Pod{UID: fmt.Sprint(n), Namespace: "shop", Labels: map[string]string{"n": fmt.Sprint(n)}}, second(0))
	}
	require.ErrorIs(t, err, errFull)
	require.ErrorContains(t, err, "max_memory is used up")
	require.Less(t, c.Stats().Bytes, 1<<20+4096)
	require.EqualValues(t, 1, c.Stats().Refused)
	c.decide(`shop/web > shop/db 1: allowed`)
	require.NoError(t, c.PutPod(&Pod{UID: "0", Namespace: "shop", Labels: map[string]string{"n": "x"}}, second(1)), "one that is known may change")

	err = c.policies(np("big", `{podSelector: {matchLabels: {app: nobody}}, ingress: [{ports: [`+strings.Repeat(`{port: 1}, `, 10_000)+`]}]}`))
	require.ErrorContains(t, err, "NetworkPolicy shop/big: no verdict is given any more: policy: max_memory is used up")
	c.decide(`shop/web > shop/db 1: unknown`)
	require.Equal(t, Overfull, c.ask("shop/web > shop/db 1").Reason)
	require.EqualValues(t, 2, c.Stats().Refused)
}
