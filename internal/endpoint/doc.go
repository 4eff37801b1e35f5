// Package endpoint concludes who stands behind an address from all that is
// known: the cluster's objects, the node's own addresses, where packets were seen,
// and the ranges that the user named. It knows flow and address tables; what it
// asks is behind interfaces.
package endpoint
