//go:build linux

package capture

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/ebpfnet/ebpfnetreceiver/internal/nettest"
)

// More messages than the socket has room for: what they said is read anew.
func TestLostMessagesAreMadeUpFor(t *testing.T) {
	t.Parallel()
	const many = 30
	node, pod := nettest.NewNamespace(t, "node"), nettest.NewNamespace(t, "pod")
	c, logs := open(t, node, nil)
	require.NoError(t, c.watcher.socket.SetReceiveBufferSize(1, true)) // the kernel makes it its least
	for round := range 2 {
		for i := range many {
			node.AddVeth(t, fmt.Sprintf("veth%d-%d", round, i), 0, pod, fmt.Sprintf("eth%d-%d", round, i))
		}
		waitFor(t, c, many)
		for i := range many {
			node.DeleteLink(t, fmt.Sprintf("veth%d-%d", round, i))
		}
		waitFor(t, c, 0)
	}
	newSums().close(t, c)
	require.Empty(t, logs.FilterLevelExact(zapWarn).All())
}

func TestListThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	t.Parallel()
	reads := 0
	list, err := dump(func() ([]int, error) {
		if reads++; reads < 4 {
			return []int{1}, netlink.ErrDumpInterrupted
		}
		return []int{1, 2}, nil
	})
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, list)

	broken := errors.New("broken")
	_, err = dump(func() ([]int, error) { return nil, broken })
	require.ErrorIs(t, err, broken)
}
