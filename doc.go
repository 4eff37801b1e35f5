// Package ebpfnetreceiver is what a distribution names in its builder
// configuration: it needs NewFactory and nothing else. The receiver itself is in
// package receiver.
package ebpfnetreceiver
