// Package track joins the records of many generations into connections: who
// began them, where they stand, when they end, and what was lost between two pods
// of the node. What conntrack translated is one connection. It knows flow and
// nothing else: not who stands behind addresses, and no clock but its callers'.
package track
