package yardstick

import (
	"fmt"

	"github.com/cilium/ebpf/rlimit"
)

// Objects are the loaded programs and maps. Close releases all of them.
type Objects = yardstickObjects

// Load loads the programs.
func Load() (*Objects, error) {
	// Kernels before 5.11 charge maps to the locked memory limit.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("remove memlock limit: %w", err)
	}
	var objects Objects
	if err := loadYardstickObjects(&objects, nil); err != nil {
		return nil, fmt.Errorf("load yardstick: %w", err)
	}
	return &objects, nil
}
