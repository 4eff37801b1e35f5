//go:build unix

package kube

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
	"github.com/ebpfnet/ebpfnetreceiver/internal/kube/apiservertest"
)

func testMinimalRole(t *testing.T, s *apiservertest.Server) {
	allow(t, s, minimal, required())
	w := begin(t, s, minimal, s.URL()).synced()
	pod := newPod("minimal-1-a", "n1", "198.18.121.50")
	pod.OwnerReferences = ownerRef("apps/v1", "ReplicaSet", "minimal-1")
	run(t, s, "default", pod)
	require.Equal(t, "ReplicaSet", w.finds("198.18.121.50").OwnerType, "and nobody waits for more")
	err, reports := w.status()
	require.NoError(t, err)
	require.Zero(t, reports, "optional parts are no trouble")
	_, found := w.find("198.19.200.200")
	require.Equal(t, Outside, found, "without ServiceCIDRs")
	w.eventually(func() bool { return w.logs.Len() == 5 }, "one line for each part")
	text := ""
	for _, entry := range w.logs.All() {
		text += entry.Message + ": " + entry.ContextMap()["error"].(string) + "\n"
	}
	for _, want := range []string{
		`pods of Deployments are shown under their ReplicaSet: kube: forbidden to list and watch "replicasets" in API group "apps" at cluster scope`,
		`pods of CronJobs are shown under their Job: kube: forbidden to list and watch "jobs" in API group "batch" at cluster scope`,
		`kube: forbidden to list and watch "servicecidrs" in API group "networking.k8s.io" at cluster scope`,
		`kube: forbidden to list and watch "endpointslices" in API group "discovery.k8s.io" at cluster scope`,
		`k8s.cluster.uid stays empty: kube: forbidden to get "namespaces" in API group "" at cluster scope`,
	} {
		require.Contains(t, text, want)
	}
	_, uid := w.Cluster()
	require.Empty(t, uid)
}

func testRefusedThenAllowed(t *testing.T, s *apiservertest.Server) {
	w := begin(t, s, nobody, s.URL()).synced()
	err, _ := w.status()
	for _, resource := range []string{"pods", "nodes", "services"} {
		require.ErrorContains(t, err, `kube: forbidden to list and watch "`+resource+`" in API group "" at cluster scope: `)
	}
	require.NotContains(t, err.Error(), "replicasets")
	require.ErrorContains(t, err, `"nobody"`)
	_, found := w.find("198.18.121.9")
	require.Equal(t, Outside, found, "nothing to wait for")
	allow(t, s, nobody, required(), rbacv1.PolicyRule{
		APIGroups: []string{"apps"}, Resources: []string{"replicasets"}, Verbs: []string{"list", "watch"},
	})
	require.Equal(t, "n2", w.finds("198.18.0.2").NodeName)
	w.eventually(func() bool { err, _ := w.status(); return err == nil }, "all is well")
}

func testAwayAtTheStart(t *testing.T, s *apiservertest.Server) {
	p := s.Proxy(t)
	p.Cut()
	w := begin(t, s, apiservertest.Admin, p.URL())
	w.eventually(func() bool { err, _ := w.status(); return err != nil }, "a report")
	err, _ := w.status()
	require.ErrorContains(t, err, "connection refused")
	_, found := w.find("198.18.200.200")
	require.Equal(t, Pending, found)
	asked := time.Now()
	other := begin(t, s, apiservertest.Admin, p.URL())
	other.eventually(func() bool { err, _ := other.status(); return err != nil }, "a report")
	other.Shutdown()
	require.Less(t, time.Since(asked), 10*time.Second, "Shutdown does not wait for a back-off's end")
	p.Restore(t)
	w.synced()
	require.Equal(t, "n1", w.finds("198.18.0.1").NodeName)
	w.eventually(func() bool { err, _ := w.status(); return err == nil }, "all is well")
	_, reports := w.status()
	require.Equal(t, 2, reports, "one for the trouble, one for its end")
}

// testAwayForAWhile restarts the API server, too: its memory of changes is
// then too short for the Watcher, which has to list anew.
func testAwayForAWhile(t *testing.T, s *apiservertest.Server) {
	namespace(t, s, "away")
	run(t, s, "away", newPod("stays", "n1", "198.18.121.60"))
	run(t, s, "away", newPod("vanishes", "n1", "198.18.121.61"))
	p := s.Proxy(t)
	w := begin(t, s, apiservertest.Admin, p.URL()).synced()
	stays := w.finds("198.18.121.60")
	p.Cut()
	w.eventually(func() bool { err, _ := w.status(); return err != nil }, "a report")
	require.Same(t, stays, w.finds("198.18.121.60"), "what is known stays")
	s.Delete(t, "/api/v1/namespaces/away/pods/vanishes")
	run(t, s, "away", newPod("comes", "n1", "198.18.121.62"))
	s.Restart(t)
	p.Restore(t)
	require.Equal(t, "comes", w.finds("198.18.121.62").PodName)
	w.eventually(func() bool { return w.Objects().Ended == 1 }, "what vanished has its end")
	require.Equal(t, "vanishes", w.finds("198.18.121.61").PodName, "for a minute")
	require.Same(t, stays, w.finds("198.18.121.60"))
	w.eventually(func() bool { err, _ := w.status(); return err == nil }, "all is well")
}

func testHanging(t *testing.T, s *apiservertest.Server) {
	// client-go's own, of 30 s and 15 s, are right for all but a test.
	t.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "1")
	t.Setenv("HTTP2_PING_TIMEOUT_SECONDS", "1")
	w := admin(t, s)
	known := w.finds("198.18.0.2")
	s.Pause(t)
	t.Cleanup(func() { s.Resume(t) })
	w.eventually(func() bool { err, _ := w.status(); return err != nil }, "a report")
	err, _ := w.status()
	require.True(t, strings.HasPrefix(err.Error(), "kube: no answer from the API server: "), err)
	require.Same(t, known, w.finds("198.18.0.2"))
	s.Resume(t)
	w.eventually(func() bool { err, _ := w.status(); return err == nil }, "all is well")
	require.Equal(t, flow.Node, w.finds("198.18.0.2").Kind)
}

// TestAgainstAServerWithoutStreamingLists is one of before Kubernetes 1.32.
func TestAgainstAServerWithoutStreamingLists(t *testing.T) {
	s := apiservertest.Start(t, nil, "--feature-gates=WatchList=false")
	s.Create(t, "/api/v1/nodes", newNode("n1", "z1", "198.18.0.1", "198.18.121.0/24"))
	run(t, s, "default", newPod("before", "n1", "198.18.121.7"))
	w := admin(t, s)
	require.Equal(t, "before", w.finds("198.18.121.7").PodName)
	run(t, s, "default", newPod("after", "n1", "198.18.121.8"))
	require.Equal(t, "after", w.finds("198.18.121.8").PodName)
	_, reports := w.status()
	require.Zero(t, reports, "that is no trouble")
}
