// Package policy answers whether two ends may talk: by the cluster's own
// policies, and by rules of the configuration. It knows pods, namespaces, nodes
// and policies as facts that it is given, and a connection; it does not know
// where the facts come from, packets, nor what is done with the answer.
//
// What a policy says and this package cannot read makes the answer Unknown where
// it matters, never a guess: each test has three values (no, maybe, yes), and an
// answer is given when every reading of the maybes leads to it.
//
// Layers, each ignorant of the one above:
//
//	table      label sets and selectors; which selects which, kept as bits
//	compiler   objects of each kind -> policies made of peers, ports and rules
//	Evaluator  the facts in force, the walk through the tiers, Evaluate
//	Judge      what became of the connection and when -> a Verdict
//
// docs/policy.md says what each kind means, and where that stands.
package policy
