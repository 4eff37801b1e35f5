package filter

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// longest is the length in bytes that an expression of a stranger may have.
const longest = 4096

// ParseUntrusted is Parse for expressions that come over the network: what could take
// more than linear time or memory is refused before it is compiled.
func ParseUntrusted(expression string) (*Filter, error) {
	if len(expression) > longest {
		return nil, refuse(fmt.Errorf("an expression has at most %d bytes, not %d", longest, len(expression)))
	}
	if expression == "" {
		return &Filter{}, nil
	}
	tree, err := parser.Parse(expression)
	if err != nil {
		return nil, refuse(err)
	}
	g := guard{}
	ast.Walk(&tree.Node, &g)
	if g.refused != nil {
		return nil, refuse(g.refused.Bind(tree.Source))
	}
	return Parse(expression)
}

// guard looks for what is not linear.
type guard struct{ refused *file.Error }

// Visit is part of ast.Visitor.
func (g *guard) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		if n.Operator == ".." || n.Operator == "**" || n.Operator == "^" {
			g.refuse(n, "the operator "+n.Operator+" is not allowed here")
		}
	case *ast.BuiltinNode:
		if !slices.Contains(harmless(), n.Name) {
			g.refuse(n, n.Name+"() is not allowed here")
		}
		if loops(n) > 1 {
			g.refuse(n, "a loop inside of a loop is not allowed here")
		}
	case *ast.CallNode:
		if name, is := n.Callee.(*ast.IdentifierNode); !is || name.Value != "in_cidr" && !slices.Contains(harmless(), name.Value) {
			g.refuse(n, "only in_cidr and simple functions can be called here")
		}
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		g.refuse(n, "variables and sequences are not allowed here")
	}
}

// harmless are the built-in functions whose cost is that of reading their arguments once.
func harmless() []string {
	return []string{"all", "any", "none", "one", "count", "len", "lower", "upper", "trim", "hasPrefix", "hasSuffix", "indexOf", "string", "int"}
}

func (g *guard) refuse(n ast.Node, why string) {
	if g.refused == nil {
		g.refused = &file.Error{Location: n.Location(), Message: why}
	}
}

// loops is the number of predicates below a node.
func loops(n ast.Node) int {
	c := counter(0)
	ast.Walk(&n, &c)
	return int(c)
}

type counter int

// Visit is part of ast.Visitor.
func (c *counter) Visit(node *ast.Node) {
	if _, is := (*node).(*ast.PredicateNode); is {
		*c++
	}
}
