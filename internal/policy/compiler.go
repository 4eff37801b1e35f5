package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// compiler turns one object into policies. It collects what of the object it
// cannot read, each with its path, and makes the parts concerned opaque.
type compiler struct {
	e     *Evaluator
	v     *version
	ref   *Ref
	flaws flaws // fields that its type does not have
	errs  []error
	// within is the path of what is compiled, where it is not spec.
	within string
}

// maxErrors bounds what is said of one object.
const maxErrors = 10

func (e *Evaluator) compiler(ref Ref, unread flaws) *compiler {
	return &compiler{e: e, v: &version{}, ref: &ref, flaws: unread}
}

// done is the version, with all that could not be read.
func (c *compiler) done() *version {
	if n := len(c.errs) - maxErrors; n > 0 {
		c.errs = append(c.errs[:maxErrors], fmt.Errorf("and %d more", n))
	}
	c.v.err = errors.Join(append(c.errs, c.flaws.err())...)
	if c.v.err != nil {
		c.v.err = fmt.Errorf("policy: %s %s is read in part: %w", c.ref.Kind, c.ref.full(), c.v.err)
	}
	for _, p := range c.v.policies {
		for d := range p.sides {
			for i := range p.sides[d].rules {
				r := &p.sides[d].rules[i]
				p.parts += 1 + len(r.ports) + len(r.peers)
				p.denies = p.denies || r.does&deny != 0
				for j := range r.peers {
					p.parts += len(r.peers[j].except)
				}
			}
		}
		c.v.parts += p.parts
	}
	return c.v
}

// full is the name with the namespace if there is one.
func (r *Ref) full() string {
	if r.Namespace == "" {
		return r.Name
	}
	return r.Namespace + "/" + r.Name
}

func (c *compiler) fail(path, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: %w", c.real(path), fmt.Errorf(format, args...)))
}

// real is the path in the object of a path that begins with spec.
func (c *compiler) real(path string) string {
	if rest, ok := strings.CutPrefix(path, "spec"); ok && c.within != "" {
		return c.within + rest
	}
	return path
}

// add begins a policy of the object.
func (c *compiler) add(t tier, s subject) *policy {
	p := &policy{ref: c.ref, tier: t, subject: s}
	c.v.policies = append(c.v.policies, p)
	return p
}

// own is the object's namespace.
func (c *compiler) own() *namespace {
	ns := c.e.useNamespace(c.ref.Namespace)
	c.v.namespaces = append(c.v.namespaces, ns)
	return ns
}

// selector gives the number of a selector; ok is false if it cannot be read.
func (c *compiler) selector(path string, s *metav1.LabelSelector) (id selectorID, ok bool) {
	all, err := requirementsOf(s)
	if err != nil {
		c.fail(path, "%w", err)
		return everything, false
	}
	return c.number(all), true
}

func (c *compiler) number(all []requirement) selectorID {
	id := c.e.table.useSelector(all)
	c.v.selectors = append(c.v.selectors, id)
	return id
}

// cidr reads a range.
func (c *compiler) cidr(path, text string) (prefix, bool) {
	p, err := parsePrefix(text)
	if err != nil {
		c.fail(path, "%w", err)
	}
	return p, err == nil
}

// protocol reads the name of a protocol that has ports; empty is TCP.
func (c *compiler) protocol(path string, name corev1.Protocol) (uint8, bool) {
	switch name {
	case corev1.ProtocolTCP, "":
		return flow.TCP, true
	case corev1.ProtocolUDP:
		return flow.UDP, true
	case corev1.ProtocolSCTP:
		return flow.SCTP, true
	}
	c.fail(path, "protocol %q is not supported", string(name))
	return 0, false
}

// span reads a range of ports.
func (c *compiler) span(path string, lo, hi int32) (from, to uint16, ok bool) {
	if lo < 1 || hi > 65535 || lo > hi {
		c.fail(path, "%d-%d is no range of ports", lo, hi)
		return 0, 0, false
	}
	return uint16(lo), uint16(hi), true
}

// named reads the name of a port.
func (c *compiler) named(path string, proto uint8, name string) (port, bool) {
	for _, why := range validation.IsValidPortName(name) {
		c.fail(path, "%q is no name of a port: %s", name, why)
		return port{}, false
	}
	return port{proto: proto, name: name}, true
}

// at is the path of an element.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// pathOf is a rule's path without the object's spec, stored once for all policies.
func pathOf(path string) string { return unique.Make(strings.TrimPrefix(path, "spec.")).Value() }

// opaqueSides is what a policy says of which nothing can be read.
func opaqueSides(what string, does outcomes, isolate truth) [2]side {
	one := side{applies: true, isolate: isolate, rules: []rule{{path: what, does: does, opaque: true}}}
	return [2]side{one, one}
}

// flaws are the paths of fields that are not known.
type flaws []string

// under tells whether there is one in the part.
func (f flaws) under(path string) bool {
	return slices.ContainsFunc(f, func(s string) bool {
		rest, in := strings.CutPrefix(s, path)
		return in && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// elsewhere tells whether there is one that is in none of the parts.
func (f flaws) elsewhere(parts ...string) bool {
	return slices.ContainsFunc(f, func(s string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return flaws{s}.under(part) })
	})
}

func (f flaws) err() error {
	if len(f) == 0 {
		return nil
	}
	more := ""
	if len(f) > maxErrors {
		more = fmt.Sprintf(" and %d more", len(f)-maxErrors)
	}
	return fmt.Errorf("fields not known: %s%s", strings.Join(f[:min(len(f), maxErrors)], ", "), more)
}
