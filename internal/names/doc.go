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
//
// # Searches
//
// With `options ndots:5` a pod asks for github.com.<namespace>.svc.cluster.local,
// github.com.svc.cluster.local, github.com.cluster.local and the domains of its node,
// each for A and AAAA, before it asks for github.com. Their NXDOMAINs say nothing
// to the user. Transaction.Searched tells them apart.
//
// The names B.S of a search with any S, and B as it is, are its candidates. An NXDOMAIN
// is the search's if, within the timeout and a second, the same client
//
//  1. goes on from B.S to B, whatever S is, or
//  2. goes on from B.S to B.T, where S and T differ and both are one of: a suffix of
//     the configured list, svc.<it>, <namespace>.svc.<it>; the last at most once in a
//     search. Once this has shown what B is, T can be anything: the domains of the node, or
//  3. had NXDOMAIN for B before it asked for B.S: B has a dot, and as many as ndots, or
//  4. got an answer to B.S after the NXDOMAIN for such a B.
//
// Going on is asking: resolvers go on after NXDOMAIN until a candidate exists (glibc,
// musl and Go do, and end with B as it is, which then is no candidate of another
// search). So a look-up that succeeds leaves no NXDOMAIN for each type, one that fails
// leaves one: that of the name as it is. A name that is asked for as it is,
// a.b.svc.cluster.local, has the form of a candidate; nothing goes on from it, and it counts.
// An NXDOMAIN is therefore handed over when it is known which it is. What can be mistaken:
// two names that one client looks up within that time, one of which begins with the other.
package names
