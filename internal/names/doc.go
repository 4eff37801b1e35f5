// Package names reads DNS and TLS from samples of packets, and keeps what name
// a client used for an address. It knows flow and the DNS message format of
// golang.org/x/net; it does not know where the samples come from, Kubernetes, or
// what becomes of the results. Time is its callers': no type of this package reads
// a clock, starts a goroutine or is safe for more than one.
//
// Transactions matches DNS questions with their answers. Learned keeps what
// they taught. Hellos finds the ClientHello in the first bytes of TCP connections
// and in QUIC Initial packets. Mesh tells what a service mesh wrote into it.
//
// A transaction is seen once if its samples come from one hook: the asker's.
package names
