//go:build linux

package capture

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// claim is an instance's number on its node. It is held by the name of an
// abstract Unix socket: those belong to the network namespace, so that instances in
// different containers of the host network see each other, and the kernel
// takes them back when the process ends in whatever way.
type claim struct {
	number int
	fd     int
}

func claimName(number int) string { return fmt.Sprintf("@ebpfnet/tc/%d", number) }

// claimFirst takes the first number that is free.
func claimFirst(in namespace) (*claim, error) {
	for number := range filterMaxCount {
		c, err := claimNumber(in, number)
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		return c, err
	}
	return nil, fmt.Errorf("%d other instances attach to this node by tc", filterMaxCount)
}

func claimNumber(in namespace, number int) (*claim, error) {
	c := &claim{number: number}
	err := in.do(func() (err error) {
		c.fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open socket: %w", err)
		}
		if err = unix.Bind(c.fd, &unix.SockaddrUnix{Name: claimName(number)}); err != nil {
			_ = unix.Close(c.fd)
			return fmt.Errorf("claim number %d: %w", number, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// isClaimed tells whether a living instance has the number.
func isClaimed(in namespace, number int) bool {
	c, err := claimNumber(in, number)
	if err != nil {
		return true
	}
	c.Close()
	return false
}

// Close gives the number back.
func (c *claim) Close() { _ = unix.Close(c.fd) }
