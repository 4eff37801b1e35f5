// Package suggest writes the NetworkPolicy that allows what was seen of a
// workload, and nothing else. It is a pure function of what was seen; it does not
// know how that was found out, and remembers nothing.
package suggest
