// Package nettest builds the networks that tests run in: namespaces joined by
// veth pairs and bridges, with real tools in them. All addresses are of
// 198.18.0.0/15 (RFC 2544) and fd00::/8, and everything is gone after the test. It
// knows netlink, and ip(8) for what tests ask for by its words; it knows nothing of
// what is tested.
package nettest
