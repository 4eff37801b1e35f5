package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestVerdicts(t *testing.T) {
	denied := Result{Decision: Denied, Since: second(0)}
	for name, c := range map[string]struct {
		result Result
		seen   Observation
		now    int
		want   Verdict
		again  int // 0: never
	}{
		"allowed": {Result{Decision: Allowed},
			Observation{}, 100, VerdictAllowed, 0},
		"no policy is about the destination": {Result{Decision: Allowed, Unprotected: true},
			Observation{}, 100, VerdictUnprotected, 0},
		"denied, and it came through": {denied,
			Observation{Delivered: second(100)}, 100, VerdictUnauthorized, 0},
		"denied, and nothing came through": {denied,
			Observation{DeliveriesSeen: true, Over: true}, 240, VerdictBlocked, 0},
		"denied, and it may still come through": {denied,
			Observation{DeliveriesSeen: true}, 101, VerdictUnknown, 0},
		"denied, and a delivery would not be seen": {denied,
			Observation{Over: true}, 240, VerdictUnknown, 0},
		"denied for 29 s when it came through, and goes on": {Result{Decision: Denied, Since: second(71)},
			Observation{Delivered: second(100)}, 100, VerdictUnknown, 101},
		"denied for 29 s when it came through, and ended": {Result{Decision: Denied, Since: second(71)},
			Observation{Delivered: second(100), Over: true}, 100, VerdictUnknown, 0},
		"denied for 30 s when it came through": {Result{Decision: Denied, Since: second(70)},
			Observation{Delivered: second(100)}, 100, VerdictUnauthorized, 0},
		"came through before it was denied, long ago": {Result{Decision: Denied, Since: second(150)},
			Observation{Delivered: second(100)}, 300, VerdictUnknown, 0},
		"an open connection that goes on though it is denied now": {Result{Decision: Denied, Since: second(150)},
			Observation{Delivered: second(180)}, 181, VerdictUnauthorized, 0},
		"tried before it was denied": {Result{Decision: Denied, Since: second(101)},
			Observation{DeliveriesSeen: true, Over: true}, 240, VerdictUnknown, 0},
		"a pod is not known yet": {Result{Reason: UnknownPod},
			Observation{Delivered: second(100)}, 100, VerdictUnknown, 105},
		"a pod is never known": {Result{Reason: UnknownPod},
			Observation{Delivered: second(100)}, 105, VerdictUnknown, 0},
		"a policy is not evaluated": {Result{Reason: UnknownPolicy},
			Observation{Delivered: second(100)}, 100, VerdictUnknown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.seen.InitiatorKnown, c.seen.Start = true, second(100)
			j := Judge(c.result, &c.seen, second(c.now))
			require.Equal(t, c.want, j.Verdict)
			require.Equal(t, c.result, j.Result)
			if c.again == 0 {
				require.Zero(t, j.Again)
			} else {
				require.Equal(t, second(c.again), j.Again)
			}
		})
	}
}

func TestWithoutAnInitiatorThereIsNoVerdict(t *testing.T) {
	j := Judge(Result{Decision: Denied}, &Observation{Delivered: second(100), DeliveriesSeen: true, Over: true}, second(200))
	require.Equal(t, NotJudged, j.Verdict)
	require.Zero(t, j.Again)
}

func TestNamesOfVerdicts(t *testing.T) {
	want := map[Verdict]string{
		NotJudged: "", VerdictUnknown: "unknown", VerdictAllowed: "allowed", VerdictUnprotected: "unprotected",
		VerdictBlocked: "blocked", VerdictUnauthorized: "unauthorized",
	}
	for v, name := range want {
		require.Equal(t, name, v.String())
	}
}

func TestAServiceIsJudgedAgainstAllItsEndpoints(t *testing.T) {
	c := shop(t).apply(np("db", `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5432}]}]}`)).
		apply(np("web", `{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}]}`))
	db, web, other := c.party("shop/db"), c.party("shop/web"), c.party("shop/other")
	for name, k := range map[string]struct {
		backends    []Backend
		want        Decision
		unprotected bool
	}{
		"all allowed":              {[]Backend{{db, 5432}, {web, 80}}, Allowed, false},
		"all denied":               {[]Backend{{db, 80}, {web, 81}}, Denied, false},
		"one denied":               {[]Backend{{db, 5432}, {web, 81}}, Unknown, false},
		"one unknown":              {[]Backend{{db, 5432}, {c.party("shop/new"), 80}}, Unknown, false},
		"one of them unprotected":  {[]Backend{{db, 5432}, {other, 80}}, Allowed, true},
		"no endpoints, or unknown": {nil, Unknown, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := c.parse("ops/prom > shop/db 1")
			conn.Dst = Party{Kind: flow.Service}
			require.Equal(t, Unknown, c.Evaluate(conn, InForce).Decision)
			r := c.EvaluateService(conn, k.backends, InForce)
			require.Equal(t, k.want, r.Decision)
			require.Equal(t, k.unprotected, r.Unprotected)
			if k.want == Unknown {
				require.Equal(t, UnknownBackend, r.Reason)
			}
		})
	}
}
