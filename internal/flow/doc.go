// Package flow holds the nouns of the data path: what the kernel counted
// (Key, Record), who stood behind the addresses (Endpoint) and what became of
// it (Connection). It imports nothing of this module, and every stage may
// import it.
package flow
