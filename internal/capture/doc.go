// Package capture turns the packets of this node into flow.Record: it finds the
// interfaces of pods and the uplinks, attaches the BPF programs to them, swaps and
// drains their maps, and asks conntrack where the programs cannot. It knows bpf,
// netlink and conntrack, and is the only package that does. It knows interfaces and
// addresses; it does not know Kubernetes, connections over time, or what counts.
package capture
