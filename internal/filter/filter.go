// Package filter is the expression that chooses connections: of flow logs where they are
// made, and of what is shown of them. It knows flow and the expression language; the
// fields that an expression can name are those of Env.
package filter

import (
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// End is one end of a connection as expressions see it.
type End struct {
	Namespace string `expr:"namespace"`
	Workload  string `expr:"workload"`
	Pod       string `expr:"pod"`
	Type      string `expr:"type"` // Pod, Service, Node, External
	Service   string `expr:"service"`
	Node      string `expr:"node"`
	CIDR      string `expr:"cidr"` // the configured name of the range
	Address   string `expr:"address"`
	Port      int    `expr:"port"`
}

// Env is what an expression can name.
type Env struct {
	Source      End      `expr:"source"`
	Destination End      `expr:"destination"`
	Namespaces  []string `expr:"namespaces"` // of both ends
	Workloads   []string `expr:"workloads"`  // of both ends
	Protocol    string   `expr:"protocol"`   // tcp, udp, ...
	Port        int      `expr:"port"`       // of the responder, 0 if it is unknown
	Bytes       int      `expr:"bytes"`      // both directions, since the last event
	Packets     int      `expr:"packets"`
	State       string   `expr:"state"` // active, ended
}

// Filter decides about connections. The zero Filter lets all pass. It is for one goroutine.
type Filter struct {
	program *vm.Program
	machine vm.VM
	fields  map[string]struct{}
}

// longestOfAll is the length in bytes that any expression may have: what is longer is a mistake.
const longestOfAll = 1 << 16

// Parse compiles an expression; empty lets all pass. The error is an *Error.
func Parse(expression string) (*Filter, error) {
	if expression == "" {
		return &Filter{}, nil
	}
	if len(expression) > longestOfAll {
		return nil, refuse(fmt.Errorf("an expression has at most %d bytes, not %d", longestOfAll, len(expression)))
	}
	program, err := expr.Compile(expression, expr.Env(Env{}), expr.AsBool(),
		expr.Function("in_cidr", inCIDR, new(func(string, string) bool)))
	if err != nil {
		return nil, refuse(err)
	}
	tree, fixed := program.Node(), constants{}
	ast.Walk(&tree, &fixed)
	if fixed.refused != nil {
		return nil, refuse(fixed.refused.Bind(program.Source()))
	}
	return &Filter{program: program, fields: fieldsOf(tree)}, nil
}

// Passes tells whether the expression holds for a connection.
func (f *Filter) Passes(c *flow.Connection, ended bool) (bool, error) {
	if f.program == nil {
		return true, nil
	}
	env := envOf(c, ended)
	passes, err := f.Holds(&env)
	if err != nil {
		return false, fmt.Errorf("evaluate flow_logs::filter: %w", err)
	}
	return passes, nil
}

// Holds tells whether the expression holds for what env says.
func (f *Filter) Holds(env *Env) (bool, error) {
	if f.program == nil {
		return true, nil
	}
	result, err := f.machine.Run(f.program, env)
	if err != nil {
		return false, err
	}
	return result.(bool), nil
}

// All tells whether everything passes.
func (f *Filter) All() bool { return f.program == nil }

func envOf(c *flow.Connection, ended bool) Env {
	forward := c.Initiator.Direction()
	t := c.Key.Tuple(forward)
	e := Env{
		Source:      endOf(c.Src(forward), t.Src, t.SrcPort),
		Destination: endOf(c.Dst(forward), t.Dst, t.DstPort),
		Protocol:    flow.ProtocolName(t.Proto),
		Port:        int(c.ServerPort(forward)),
		Bytes:       int(c.Unlogged[0].Bytes + c.Unlogged[1].Bytes),
		Packets:     int(c.Unlogged[0].Packets + c.Unlogged[1].Packets),
		State:       "active",
	}
	if s := c.Service(forward); s != nil {
		e.Destination.Service = s.Service
	}
	if ended {
		e.State = "ended"
	}
	e.Join()
	return e
}

// Join fills the lists of both ends from the ends.
func (e *Env) Join() {
	e.Namespaces = []string{e.Source.Namespace, e.Destination.Namespace}
	e.Workloads = []string{e.Source.Workload, e.Destination.Workload}
}

func endOf(e *flow.Endpoint, a flow.Addr, port uint16) End {
	return End{
		Namespace: e.Namespace,
		Workload:  e.OwnerName,
		Pod:       e.PodName,
		Type:      e.Kind.String(),
		Node:      e.NodeName,
		CIDR:      e.CIDR,
		Address:   a.Netip().String(),
		Port:      int(port),
	}
}
