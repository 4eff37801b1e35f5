package policy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func file(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "policies.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func both(c *testCluster, text string) [2]string {
	conn := c.parse(text)
	return [2]string{short(c.Evaluate(conn, InForce)), short(c.Evaluate(conn, Candidates))}
}

func TestCandidatesAreJudgedBesideWhatIsInForce(t *testing.T) {
	c := shop(t).apply(np("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 80}]}]}`)).
		apply(np("web", `{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}]}`))
	require.NoError(t, c.LoadCandidates([]string{file(t,
		"# two policies and something else\n"+
			np("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5432}]}]}`)+"---\n"+
			"apiVersion: v1\nkind: Service\nmetadata: {name: x}\n---\n"+
			cnp("new", `{tier: Admin, priority: 1, `+everyPod+`, ingress: [{action: Deny, `+fromProm+`}]}`))}, second(1)))
	require.Equal(t, [2]string{"allowed ingress shop/db ingress[0]", "denied ingress shop/db"}, both(c, "shop/web > shop/db 80"), "replaced")
	require.Equal(t, [2]string{"denied ingress shop/db", "allowed ingress shop/db ingress[0]"}, both(c, "shop/web > shop/db 5432"), "replaced")
	require.Equal(t, [2]string{"allowed ingress shop/web ingress[0]", "allowed ingress shop/web ingress[0]"}, both(c, "shop/db > shop/web 80"), "kept")
	require.Equal(t, [2]string{"allowed ingress shop/web ingress[0]", "denied ingress new ingress[0]"}, both(c, "ops/prom > shop/web 80"), "added")
	require.Equal(t, [2]string{"allowed", "denied ingress new ingress[0]"}, both(c, "ops/prom > shop/other 80"))
	s := c.Stats()
	require.Equal(t, [2]int{2, 2}, [2]int{s.Policies, s.Candidates})

	// The version in force changes, goes, and comes again.
	c.apply(np("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{}]}`))
	require.Equal(t, [2]string{"allowed ingress shop/db ingress[0]", "denied ingress shop/db"}, both(c, "shop/web > shop/db 80"))
	c.Remove(Ref{KindNetworkPolicy, "shop", "db"}, InForce, second(2))
	require.Equal(t, [2]string{"allowed", "denied ingress shop/db"}, both(c, "shop/web > shop/db 80"))
	c.Remove(Ref{KindNetworkPolicy, "shop", "db"}, Candidates, second(2))
	require.Equal(t, [2]string{"allowed", "allowed"}, both(c, "shop/web > shop/db 80"))
}

func TestOnlyCandidatesLeaveAnUnknownPodAlone(t *testing.T) {
	c := shop(t)
	require.NoError(t, c.put(np("db", `{podSelector: {}}`), Candidates, second(1)))
	require.Equal(t, [2]string{"allowed", "unknown"}, both(c, "shop/web > shop/new 80"))
}

func TestWhatIsWrongWithCandidatesIsNamed(t *testing.T) {
	c := shop(t)
	broken := file(t, np("good", `{podSelector: {}}`)+"---\n{")
	twice := file(t, "kind: NetworkPolicy\nkind: NetworkPolicy\n")
	nameless := file(t, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n")
	foreign := file(t, "apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nmetadata: {name: x}\n")
	partly := file(t, np("part", `{podSelector: {}, ingress: [{moon: full}]}`))
	err := c.LoadCandidates([]string{"/nowhere.yaml", broken, twice, nameless, foreign, partly}, second(1))
	for _, want := range []string{
		"policy: read candidates: open /nowhere.yaml",
		"read candidates " + broken + ": document 2: ",
		"read candidates " + twice + ": document 1: ",
		"without metadata.name",
		"crd.projectcalico.org/v1 NetworkPolicy x: is no policy that is evaluated",
		"NetworkPolicy shop/part is read in part: fields not known: spec.ingress[0].moon",
	} {
		require.ErrorContains(t, err, want)
	}
	require.ErrorIs(t, err, ErrKind)
	require.Equal(t, 2, c.Stats().Candidates)
}

func TestAListOfPolicies(t *testing.T) {
	objs, err := Parse([]byte("kind: NetworkPolicyList\nitems:\n- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}}\n- 7\n- {kind: List, items: [{kind: Pod}, {kind: AdminNetworkPolicy}]}\n"))
	require.NoError(t, err)
	require.Len(t, objs, 2)
}
