package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePodsWorkloadIsItsLastController(t *testing.T) {
	for name, c := range map[string]struct {
		before     []any // what is known when the pod comes
		version    string
		kind, name string
		wantType   string
		wantName   string
	}{
		"Deployment":                 {[]any{newOwner("ReplicaSet", "web-1", "apps/v1", "Deployment", "web")}, "apps/v1", "ReplicaSet", "web-1", "Deployment", "web"},
		"another ReplicaSet's owner": {[]any{newOwner("ReplicaSet", "web-1", "argoproj.io/v1alpha1", "Rollout", "web")}, "apps/v1", "ReplicaSet", "web-1", "Rollout", "web"},
		"ReplicaSet alone":           {[]any{newOwner("ReplicaSet", "web-1", "", "", "")}, "apps/v1", "ReplicaSet", "web-1", "ReplicaSet", "web-1"},
		"CronJob":                    {[]any{newOwner("Job", "tidy-29", "batch/v1", "CronJob", "tidy")}, "batch/v1", "Job", "tidy-29", "CronJob", "tidy"},
		"Job alone":                  {[]any{newOwner("Job", "tidy-29", "", "", "")}, "batch/v1", "Job", "tidy-29", "Job", "tidy-29"},
		"StatefulSet":                {nil, "apps/v1", "StatefulSet", "db", "StatefulSet", "db"},
		"DaemonSet":                  {nil, "apps/v1", "DaemonSet", "proxy", "DaemonSet", "proxy"},
		"somebody's Job":             {nil, "example.com/v1", "Job", "crunch", "Job", "crunch"},
		"static pod":                 {nil, "v1", "Node", "n1", "Pod", "p"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(c.before...)
			w.put(ownedPod("p", "198.18.128.7", c.version, c.kind, c.name))
			who := w.known("198.18.128.7")
			require.Equal(t, c.wantType, who.OwnerType)
			require.Equal(t, c.wantName, who.OwnerName)
		})
	}
}

func TestAnOwnerThatComesLaterUpdatesThePodsThatWaitForIt(t *testing.T) {
	w := newWorld(t)
	w.put(ownedPod("a", "198.18.128.7", "apps/v1", "ReplicaSet", "web-1"),
		ownedPod("b", "198.18.128.8", "apps/v1", "ReplicaSet", "web-1"),
		ownedPod("c", "198.18.128.9", "apps/v1", "ReplicaSet", "other-1"))

	who, found := w.lookup("198.18.128.7", w.now)
	require.Equal(t, Pending, found, "its workload may come")
	require.Equal(t, "ReplicaSet", who.OwnerType, "what to use if it does not")
	again, found := w.lookup("198.18.128.7", w.now+ownerWait)
	require.Equal(t, Known, found, "nobody waits for ever")
	require.Same(t, who, again)

	w.put(newOwner("ReplicaSet", "web-1", "apps/v1", "Deployment", "web"))
	require.Equal(t, "web", w.known("198.18.128.7").OwnerName)
	require.Equal(t, "Deployment", w.known("198.18.128.8").OwnerType)
	_, found = w.lookup("198.18.128.9", w.now)
	require.Equal(t, Pending, found)
}

func TestAReplicaSetThatIsAdoptedTakesItsPodsAlong(t *testing.T) {
	w := newWorld(t)
	w.put(newOwner("ReplicaSet", "web-1", "", "", ""), ownedPod("a", "198.18.128.7", "apps/v1", "ReplicaSet", "web-1"))
	require.Equal(t, "ReplicaSet", w.known("198.18.128.7").OwnerType)
	w.put(newOwner("ReplicaSet", "web-1", "apps/v1", "Deployment", "web"))
	require.Equal(t, "Deployment", w.known("198.18.128.7").OwnerType)
	require.Len(t, w.ix.owners.workloads, 1)
}

func TestAPodThatIsAdoptedChangesItsOwner(t *testing.T) {
	w := newWorld(t)
	w.put(newPod("p", "n1", "198.18.128.7"))
	require.Equal(t, "Pod", w.known("198.18.128.7").OwnerType)
	w.put(ownedPod("p", "198.18.128.7", "apps/v1", "StatefulSet", "db"))
	require.Equal(t, "StatefulSet", w.known("198.18.128.7").OwnerType)
}

func TestPodsOutliveTheirOwnersName(t *testing.T) {
	w := newWorld(t)
	rs, p := newOwner("ReplicaSet", "web-1", "apps/v1", "Deployment", "web"), ownedPod("a", "198.18.128.7", "apps/v1", "ReplicaSet", "web-1")
	w.put(rs, p)
	w.remove(rs)
	before := w.known("198.18.128.7")
	w.put(p)
	require.Same(t, before, w.known("198.18.128.7"))
	w.remove(p)
	require.Empty(t, w.ix.owners.workloads, "nobody holds it")
}

func TestNobodyWaitsForAnOwnerThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.ix.owners.off[replicaSets] = true
	w.put(ownedPod("a", "198.18.128.7", "apps/v1", "ReplicaSet", "web-1"))
	require.Equal(t, "ReplicaSet", w.known("198.18.128.7").OwnerType)
	require.Empty(t, w.ix.owners.waiting)
}

func TestPodsThatEndNoLongerWait(t *testing.T) {
	w := newWorld(t)
	p := ownedPod("a", "198.18.128.7", "apps/v1", "ReplicaSet", "web-1")
	w.put(p)
	w.remove(p)
	require.Empty(t, w.ix.owners.waiting)
	require.Empty(t, w.ix.owners.workloads)
	w.put(newOwner("ReplicaSet", "web-1", "apps/v1", "Deployment", "web")) // too late, and no harm
}
