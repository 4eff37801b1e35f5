package feed

import "time"

// State is how a list does.
type State uint8

const (
	Pending State = iota // it was not read yet
	Current              // the last attempt found it, or found it unchanged
	Kept                 // the last attempt failed; an earlier version is in use
	Missing              // no attempt succeeded; nothing of it is in use
)

// States are all of them.
func States() []State { return []State{Pending, Current, Kept, Missing} }

// String is the state as an attribute's value.
func (s State) String() string {
	return [...]string{"pending", "current", "kept", "missing"}[s]
}

// Stats is how one list does, in numbers.
type Stats struct {
	Source  *Source
	State   State
	Error   error  // of the last attempt
	Format  Format // of the version in use, as are the next three
	Entries [kinds]int
	Refused Refused
	Bytes   int64

	LastAttempt time.Time
	LastSuccess time.Time // a new version, or the answer that there is none
	Loads       uint64    // versions that were taken
	Unchanged   uint64    // attempts that found no new version
	Failures    uint64    // attempts that failed
	Rejected    uint64    // of these, those that found a version and did not take it
}

// Count is how many entries of a kind are in use; those that ended count as well,
// until the list drops them.
func (s Stats) Count(k Kind) int { return s.Entries[k] }
