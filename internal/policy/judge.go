package policy

import (
	"time"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// Verdict is what the policies and what happened say together.
type Verdict uint8

const (
	// NotJudged: who began the connection is not known. Answers are not judged.
	NotJudged Verdict = iota
	// VerdictUnknown: nothing can be said (yet, if Judgement.Again is set).
	VerdictUnknown
	// VerdictAllowed: the policies allow it.
	VerdictAllowed
	// VerdictUnprotected: allowed, and no policy is about what enters the pod.
	VerdictUnprotected
	// VerdictBlocked: the policies deny it, and nothing came through.
	VerdictBlocked
	// VerdictUnauthorized: the policies deny it, and it came through.
	VerdictUnauthorized
)

// String is the value of ebpfnet.policy.verdict; empty if it was not judged.
func (v Verdict) String() string {
	switch v {
	case VerdictUnknown:
		return "unknown"
	case VerdictAllowed:
		return "allowed"
	case VerdictUnprotected:
		return "unprotected"
	case VerdictBlocked:
		return "blocked"
	case VerdictUnauthorized:
		return "unauthorized"
	}
	return ""
}

const (
	// patience is how long informers may lag behind a connection.
	patience = flow.Nanos(5 * time.Second)
	// settling is how long a network plugin may take to put a change in force.
	settling = flow.Nanos(30 * time.Second)
)

// Observation is what was seen of a connection.
type Observation struct {
	InitiatorKnown bool
	Start          flow.Nanos // the initiator's first packet
	// Delivered is when last a packet of the initiator was seen handed to the
	// destination, or an answer of it that is no refusal by the network; 0 if
	// none was.
	Delivered flow.Nanos
	// DeliveriesSeen: had one been handed over, it had been seen.
	DeliveriesSeen bool
	// Over: no more packets of it are awaited.
	Over bool
}

// Judgement is a verdict, and when to ask for another.
type Judgement struct {
	Verdict Verdict
	Result  Result
	// Again is when another judgement may say more; 0: this one is final, until
	// policies change or more is seen of the connection.
	Again flow.Nanos
}

// Judge says what a result means for a connection. It is a pure function; now is
// the time of the judgement.
func Judge(r Result, o *Observation, now flow.Nanos) Judgement {
	j := Judgement{Verdict: VerdictUnknown, Result: r}
	switch {
	case !o.InitiatorKnown:
		return Judgement{Result: r}
	case r.Decision == Unknown:
		if at := o.Start + patience; now < at && awaited(r.Reason) {
			j.Again = at
		}
	case r.Decision == Denied:
		denied(&j, o, now)
	case r.Unprotected:
		j.Verdict = VerdictUnprotected
	default:
		j.Verdict = VerdictAllowed
	}
	return j
}

// awaited tells whether the reason may go away by itself.
func awaited(r Reason) bool { return r == UnknownPod || r == UnknownBackend }

// denied tells the blocked from what came through, if it is known under which
// policies that was.
func denied(j *Judgement, o *Observation, now flow.Nanos) {
	settled := j.Result.Since + settling
	switch {
	case o.Delivered >= settled:
		j.Verdict = VerdictUnauthorized
	case o.Delivered != 0:
		// What came through may have been allowed then, or be under way.
		if !o.Over && now < settled {
			j.Again = settled
		}
	case !o.Over, !o.DeliveriesSeen, o.Start < j.Result.Since:
		// It may still come through, or did so unseen, or failed for another
		// reason before it was denied.
	default:
		j.Verdict = VerdictBlocked
	}
}
