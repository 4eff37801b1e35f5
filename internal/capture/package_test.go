//go:build linux

package capture

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childTask names what a child process of a test does instead of running tests.
const childTask = "EBPFNET_TEST_CHILD"

func TestMain(m *testing.M) {
	if task, child := os.LookupEnv(childTask); child {
		os.Exit(runChild(task))
	}
	goleak.VerifyTestMain(m)
}
