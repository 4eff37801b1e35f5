// Package check puts into words what is wrong with values of the configuration,
// for all blocks alike: the key, what is allowed, and what it is. It knows no block.
package check

import (
	"fmt"
	"strings"
	"time"
)

// All joins what is wrong in one block, nil if nothing is. The Collector puts the block's path
// before an error: so it is one line, in which the path holds for each key.
func All(errs ...error) error {
	var all problems
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

type problems []error

func (p problems) Error() string {
	var texts []string
	for _, err := range p {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

// Unwrap is for errors.Is and errors.As.
func (p problems) Unwrap() []error { return p }

// OneOf checks a word.
func OneOf[S ~string](key string, value S, allowed ...S) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%s: must be one of %v, is %q", key, allowed, value)
}

// InRange checks a number; both bounds are allowed.
func InRange(key string, value, low, high int) error {
	if value >= low && value <= high {
		return nil
	}
	return fmt.Errorf("%s: must be from %d to %d, is %d", key, low, high, value)
}

// Lasts checks a duration; both bounds are allowed, and without high there is no upper one.
func Lasts(key string, value, low, high time.Duration) error {
	switch {
	case value >= low && (value <= high || high == 0):
		return nil
	case high == 0:
		return fmt.Errorf("%s: must be at least %s, is %s", key, short(low), short(value))
	default:
		return fmt.Errorf("%s: must be from %s to %s, is %s", key, short(low), short(high), short(value))
	}
}

// short is 1h for 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
