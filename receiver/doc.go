// Package receiver is the component ebpfnet: its configuration, its life, and the
// order of the stages. What a stage does is in its own package; receiver.go is where they
// meet. It knows them all, and the Collector.
package receiver
