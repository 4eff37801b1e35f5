package policy

// truth has three values (Kleene's strong logic): what cannot be read may be so
// or not. And is min, or is max.
type truth uint8

const (
	no truth = iota
	maybe
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// outcomes is the set of what a connection may meet. One member is an answer.
type outcomes uint8

const (
	allow outcomes = 1 << iota
	deny
	pass // no decision here: the next tier has it

	anything = allow | deny | pass
)
