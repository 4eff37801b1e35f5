//go:build linux

package capture

import (
	"fmt"
	"os"
)

// runChild does what a test wants another process for; returns its exit status.
func runChild(task string) int {
	tasks := map[string]func() error{}
	do, known := tasks[task]
	if !known {
		fmt.Fprintln(os.Stderr, "no such task:", task)
		return 2
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
