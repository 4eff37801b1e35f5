package policy

import "github.com/ebpfnet/ebpfnetreceiver/internal/flow"

// Decision is what the policies say of a connection.
type Decision uint8

const (
	Unknown Decision = iota
	Allowed
	Denied
)

// String is for messages.
func (d Decision) String() string {
	switch d {
	case Allowed:
		return "allowed"
	case Denied:
		return "denied"
	default:
		return "unknown"
	}
}

// Reason says what decided where no policy did, or why nothing could be decided.
type Reason uint8

const (
	ByPolicy       Reason = iota // Result.Policy
	ByDefault                    // no policy selects the one who would be asked
	SelfTraffic                  // a pod cannot block access to itself
	NodeTraffic                  // between a pod and its own node
	UnknownPod                   // an end is not known (yet), and it matters
	UnknownPolicy                // Result.Policy has a part that is not evaluated, and it matters
	Ambiguous                    // the API leaves it to the implementation
	UnknownBackend               // the Service's endpoints are not of one kind
	Overfull                     // a policy had no room: Config.MaxMemory
)

// Result is what the policies say, and which. It shares strings with the policies.
type Result struct {
	Decision  Decision
	Reason    Reason
	Direction Direction // that Policy decided in
	// Policy decided, or may have; nil: none did.
	Policy *Ref
	// Rule is the one that decided, as the object has it: ingress[2]. Empty: no
	// rule matched, and the policy denies what none matches.
	Rule string
	// Unprotected: the destination is a pod, and no policy is about what enters it.
	Unprotected bool
	// Since is when last something changed that this may follow from: pods,
	// namespaces, policies that select an end, or one that is gone.
	Since flow.Nanos
}
