package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// selectorID is the number of a selector in the table.
type selectorID uint32

// everything is the number of the selector without requirements.
const everything selectorID = 0

type operator uint8

const (
	in operator = iota
	notIn
	exists
	notExists
)

// requirement is one condition of a selector; all must hold.
type requirement struct {
	key    word
	op     operator
	values []word
}

func (r *requirement) holds(s *labelSet) bool {
	value, has := s.value(r.key)
	switch r.op {
	case in:
		return has && slices.Contains(r.values, value)
	case notIn:
		return !has || !slices.Contains(r.values, value)
	case exists:
		return has
	default:
		return !has
	}
}

// selector is a distinct label selector, shared by all policies that use it.
type selector struct {
	requirements []requirement
	text         string // the same for equal selectors
	users        int
}

func (s *selector) selects(set *labelSet) bool {
	for i := range s.requirements {
		if !s.requirements[i].holds(set) {
			return false
		}
	}
	return true
}

// requirementsOf reads a selector of the API. A nil selector selects nothing, and
// is not for this function.
func requirementsOf(s *metav1.LabelSelector) ([]requirement, error) {
	parsed, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, err
	}
	return requirementsIn(parsed)
}

func requirementsIn(s labels.Selector) ([]requirement, error) {
	list, selectable := s.Requirements()
	if !selectable {
		return nil, errors.New("selects nothing")
	}
	var all []requirement
	for _, r := range list {
		op, err := operatorOf(r.Operator())
		if err != nil {
			return nil, err
		}
		all = append(all, newRequirement(r.Key(), op, r.ValuesUnsorted()))
	}
	return all, nil
}

func newRequirement(key string, op operator, values []string) requirement {
	values = slices.Sorted(slices.Values(values))
	r := requirement{key: unique.Make(key), op: op}
	for _, v := range slices.Compact(values) {
		r.values = append(r.values, unique.Make(v))
	}
	return r
}

func operatorOf(op selection.Operator) (operator, error) {
	switch op {
	case selection.In, selection.Equals, selection.DoubleEquals:
		return in, nil
	case selection.NotIn, selection.NotEquals:
		return notIn, nil
	case selection.Exists:
		return exists, nil
	case selection.DoesNotExist:
		return notExists, nil
	}
	return 0, fmt.Errorf("operator %q is not supported", op)
}

// textOf sorts the requirements and writes them so that equal selectors are
// equal texts.
func textOf(all []requirement) string {
	texts := make([]string, len(all))
	for i, r := range all {
		var b strings.Builder
		b.WriteString(r.key.Value())
		b.WriteByte('\x01' + byte(r.op))
		for _, v := range r.values {
			b.WriteString(v.Value())
			b.WriteByte('\x00')
		}
		texts[i] = b.String()
	}
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), "\x05")
}
