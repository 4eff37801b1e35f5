// Package kube knows who is behind an address, and when: pods with their
// workloads, nodes and Services, as the API server of the cluster reports them.
//
// Each Watcher keeps an index of its own, made of a few facts per object: the
// objects themselves are dropped as they are decoded. It is the only package
// that knows client-go. It does not know packets, connections or policies, nor
// where the answers go.
//
// Three layers, each ignorant of the one above:
//
//	index      addresses, pods, owners, nodes, Services; no I/O, time is a parameter
//	source     one watched resource: its reflector and what became of the last request
//	Watcher    configuration, credentials, the list of sources, the look-ups
package kube
