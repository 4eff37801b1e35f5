package emit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

func TestSummary(t *testing.T) {
	want := []string{
		"tcp shop/web-1 (198.18.1.2:40000) -> data/db-0 (198.19.0.10:5432) ended: 1000 bytes in 10 packets, back 20000 bytes in 20 packets",
		"tcp shop/web-1 (198.18.1.2:40001) <-> data/db-0 (198.18.2.3:5433) active: 1000 bytes in 10 packets, back 20000 bytes in 20 packets",
		"udp shop/web-1 ([fd00:1::2]:40002) -> office ([2001:db8::1]:53) ended: 1000 bytes in 10 packets, back 20000 bytes in 20 packets",
		"icmp office (198.51.100.1) -> shop/web-1 (198.18.1.2) ended: 1000 bytes in 10 packets, back 20000 bytes in 20 packets",
		"tcp node-1 (198.18.0.1:40003) -> 198.51.100.2:443 ended: 1000 bytes in 10 packets, back 20000 bytes in 20 packets",
	}
	records := events().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, len(want), records.Len())
	for i, line := range want {
		require.Equal(t, line, records.At(i).Body().Str())
	}
}

func TestFlagNames(t *testing.T) {
	require.Equal(t, "", flagNames(0))
	require.Equal(t, "SYN,ACK", flagNames(flow.SYN|flow.ACK))
	require.Equal(t, "FIN,SYN,RST,PSH,ACK,URG,ECE,CWR", flagNames(255))
}
