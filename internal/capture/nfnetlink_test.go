//go:build linux

package capture

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestTupleIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []flow.Tuple{
		tuple(flow.TCP, "198.18.1.2:40000", "198.18.8.8:80"),
		tuple(flow.UDP, "[fd00::1]:1", "[fd00::2]:65535"),
	} {
		attribute := tupleAttribute(want).Serialize()
		got, err := readTuple(attribute[unix.SizeofRtAttr:])
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func FuzzReadConnection(f *testing.F) {
	answer := append(make([]byte, nl.SizeofNfgenmsg), tupleAttribute(tuple(flow.TCP, "198.18.1.2:40000", "198.18.8.8:80")).Serialize()...)
	f.Add(answer)
	f.Add(append(answer, answer[nl.SizeofNfgenmsg:]...))
	f.Fuzz(func(t *testing.T, answer []byte) {
		found, err := readConnection(answer)
		require.True(t, err != nil || found.Original != (flow.Tuple{}) && found.Reply != (flow.Tuple{}))
	})
}
