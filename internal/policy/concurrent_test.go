package policy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAReaderSeesEachChangeWholeOrNotAtAll lets writers change everything, while
// a reader asks what each state answers alike.
func TestAReaderSeesEachChangeWholeOrNotAtAll(t *testing.T) {
	c := shop(t)
	open := func(port int) string {
		return np("db", fmt.Sprintf(`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: a}}, podSelector: {matchExpressions: [{key: app, operator: In, values: [web, "%d"]}]}}], ports: [{port: %d}, {port: 80}]}]}`, port, port))
	}
	c.apply(open(1))
	always, never, either := c.parse("shop/web > shop/db 80"), c.parse("ops/prom > shop/db 80"), c.parse("shop/web > shop/db 1")

	var done atomic.Bool
	var reader, writers sync.WaitGroup
	reader.Go(func() {
		for !done.Load() {
			if got := c.Evaluate(always, InForce); got.Decision != Allowed {
				t.Errorf("not allowed: %+v", got)
				return
			}
			if got := c.Evaluate(never, InForce); got.Decision != Denied {
				t.Errorf("not denied: %+v", got)
				return
			}
			c.Evaluate(either, Candidates)
		}
	})
	writers.Go(func() {
		for i := range 300 {
			if err := c.put(open(1+i%2), InForce, second(i)); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Go(func() {
		for i := range 300 {
			name := fmt.Sprint("bare/", i%50)
			err := c.PutPod(&Pod{UID: name, Namespace: "bare", Labels: map[string]string{"app": fmt.Sprint(i)}}, second(i))
			if err != nil {
				t.Error(err)
			}
			c.RemovePod(fmt.Sprint("bare/", (i+25)%50))
			if err := c.PutNamespace(&Namespace{"shop", map[string]string{"team": "a", "n": fmt.Sprint(i)}}, second(i)); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Go(func() {
		for i := range 300 {
			ref := Ref{KindClusterNetworkPolicy, "", "p"}
			if err := c.put(cnp("p", fmt.Sprintf(`{tier: Admin, priority: %d, `+everyPod+`, ingress: [{action: Pass, from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {n: "%d"}}}}]}]}`, i, i)), InForce, second(i)); err != nil {
				t.Error(err)
			}
			c.Remove(ref, InForce, second(i))
			c.Stats()
		}
	})
	writers.Wait()
	done.Store(true)
	reader.Wait()
	require.Equal(t, 1, c.Stats().Policies)
}
