package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestUIDsOfAnyFormAreToldApart(t *testing.T) {
	texts := []types.UID{
		"", "x", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002",
		"0000000-00000-0000-0000-000000000001", "zzzzzzzz-0000-0000-0000-000000000001",
	}
	seen := map[uid]types.UID{}
	for _, text := range texts {
		u := uidOf(text)
		require.NotContains(t, seen, u, text)
		require.NotZero(t, u)
		seen[u] = text
	}
	require.Equal(t, uid{15: 1}, uidOf("00000000-0000-0000-0000-000000000001"))
}

func TestOnlyAddressesThatCanBeAPeersAreTaken(t *testing.T) {
	got := addrsOf([]string{
		"", "None", "198.18.128.7", "::ffff:198.18.128.8", "fd00::1", "0.0.0.0", "127.0.0.1", "::", "::1",
		"224.0.0.1", "ff02::1", "198.18.128.7/24", "198.18.128.777", "fd00::2%eth0",
	})
	require.Equal(t, []flow.Addr{
		addr(t, "198.18.128.7"), addr(t, "198.18.128.8"), addr(t, "fd00::1"), addr(t, "fd00::2"),
	}, got)
}

func TestAddressesOfOneObjectAreBounded(t *testing.T) {
	texts := make([]string, 10*maxAddrs)
	for i := range texts {
		texts[i] = "198.18.128.7"
	}
	require.Len(t, addrsOf(texts), maxAddrs)
}

func TestTimesThatMakeNoSenseAreUnknown(t *testing.T) {
	for _, when := range []metav1.Time{{}, metav1.Unix(0, 0), metav1.Unix(-5, 0), metav1.Unix(1<<40, 0), metav1.NewTime(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))} {
		require.Zero(t, nanosOf(when), when)
	}
	require.Equal(t, second(1), nanosOf(metaTime(1)))
}
