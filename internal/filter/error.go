package filter

import (
	"errors"
	"strings"

	"github.com/expr-lang/expr/file"
)

// Error is why an expression was refused.
type Error struct {
	Message string
	Line    int // from 1; 0 if no place is to blame
	Column  int // from 1
	cause   error
}

// Error says what is wrong, where, and which fields exist.
func (e *Error) Error() string {
	return e.cause.Error() + "\nfields: source and destination with namespace, workload, pod, type, service, node, " +
		"cidr, address, port; namespaces, workloads, protocol, port, bytes, packets, state; in_cidr(address, range)"
}

// Unwrap is the expression language's own error.
func (e *Error) Unwrap() error { return e.cause }

func refuse(err error) *Error {
	var at *file.Error
	if errors.As(err, &at) && at.Line > 0 {
		return &Error{Message: at.Message, Line: at.Line, Column: at.Column + 1, cause: err}
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	return &Error{Message: message, cause: err}
}
