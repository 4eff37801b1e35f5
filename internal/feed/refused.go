package feed

import (
	"strconv"
	"strings"
)

// Reason is why a part of a list is not in use.
type Reason uint8

const (
	accepted     Reason = iota
	Malformed           // not understood
	TooLong             // a line of more than 64 KiB
	Irrelevant          // understood, and nothing that is looked for: a file's hash, a rule for some requests
	PublicSuffix        // a name such as com or co.uk
	TooWide             // a range that is a part of the Internet
	NotPublic           // an address or range that is not of the Internet
	Expired             // it ended before it was read
	OverLimit           // max_entries was reached
	reasons
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{Malformed, TooLong, Irrelevant, PublicSuffix, TooWide, NotPublic, Expired, OverLimit}
}

// String is the reason as an attribute's value.
func (r Reason) String() string {
	switch r {
	case Malformed:
		return "malformed"
	case TooLong:
		return "too_long"
	case Irrelevant:
		return "irrelevant"
	case PublicSuffix:
		return "public_suffix"
	case TooWide:
		return "too_wide"
	case NotPublic:
		return "not_public"
	case Expired:
		return "expired"
	case OverLimit:
		return "over_limit"
	}
	return "accepted"
}

// broken tells whether it is the list that is wrong, so that a person should see.
func (r Reason) broken() bool {
	return r == Malformed || r == TooLong || r == PublicSuffix || r == TooWide
}

// Refusal is one part of a list that is not in use.
type Refusal struct {
	At     int // line, or element of the list's array, from 1
	Text   string
	Reason Reason
}

// String says it as "line 7: malformed: ...".
func (r Refusal) String() string {
	return "line " + strconv.Itoa(r.At) + ": " + r.Reason.String() + ": " + strconv.Quote(r.Text)
}

const (
	excerpt = 64 // bytes of a refused line that are kept
	samples = 5  // refusals that are kept
)

// Refused counts what of a list is not in use.
type Refused struct {
	Count [reasons]int // by Reason
	First []Refusal    // the first few that are the list's fault
}

func (r *Refused) add(at int, text string, why Reason) {
	r.Count[why]++
	if why.broken() && len(r.First) < samples {
		r.First = append(r.First, Refusal{at, strings.Clone(clip(text)), why}) // not the whole line
	}
}

// Broken is how many parts of the list are its fault.
func (r Refused) Broken() (n int) {
	for _, why := range Reasons() {
		if why.broken() {
			n += r.Count[why]
		}
	}
	return n
}

// understood is how many parts were no entries, but no noise either.
func (r Refused) understood() (n int) {
	for _, why := range Reasons() {
		if why != Malformed && why != TooLong {
			n += r.Count[why]
		}
	}
	return n
}

func (r Refused) byReason() map[string]int {
	all := map[string]int{}
	for _, why := range Reasons() {
		if n := r.Count[why]; n > 0 {
			all[why.String()] = n
		}
	}
	return all
}
