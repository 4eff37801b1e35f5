//go:build linux

package capture

import (
	"strings"

	"golang.org/x/sys/unix"
)

// required are the capabilities without which nothing can be captured, and what for.
func required() []struct {
	bit  int
	name string
} {
	return []struct {
		bit  int
		name string
	}{
		{unix.CAP_BPF, "CAP_BPF (maps and programs)"},
		{unix.CAP_PERFMON, "CAP_PERFMON (programs that read kernel memory)"},
		{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN (programs at interfaces)"},
	}
}

// missing names the required capabilities that this thread lacks, or none. CAP_SYS_ADMIN
// stands for the first two on kernels before 5.8, and still does.
func missing() string {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return "CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"
	}
	effective := uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
	admin := effective&(1<<unix.CAP_SYS_ADMIN) != 0
	var names []string
	for _, c := range required() {
		if effective&(1<<c.bit) == 0 && (!admin || c.bit == unix.CAP_NET_ADMIN) {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, ", ")
}
