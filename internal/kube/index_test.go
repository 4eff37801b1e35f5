package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUntilTheListsAreInAnyAddressMayBeOfTheCluster(t *testing.T) {
	w := newWorld(t)
	w.ix.complete.Store(false)
	who, found := w.lookup("198.18.200.1", w.now)
	require.Equal(t, Pending, found)
	require.Nil(t, who)
	w.ix.complete.Store(true)
	_, found = w.lookup("198.18.200.1", w.now)
	require.Equal(t, Outside, found)
}

func TestTheZeroTimeAsksForThePresentHolder(t *testing.T) {
	w := newWorld(t)
	w.put(newPod("web", "n1", "198.18.128.7"))
	who, found := w.lookup("198.18.128.7", latest)
	require.Equal(t, Known, found)
	require.Equal(t, "web", who.PodName)
	w.remove(newPod("web", "n1", "198.18.128.7"))
	_, found = w.lookup("198.18.128.7", latest)
	require.Equal(t, Outside, found)
}
