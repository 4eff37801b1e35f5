// Package policy compares internal/policy with evaluators that others wrote:
// cyclonus on the cases that it generates, kube-network-policies on random ones.
// It is a module of its own, since what they need is nothing that a receiver
// should.
package policy
