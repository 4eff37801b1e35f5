package filter

import (
	"fmt"
	"net/netip"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// inCIDR is the expression's in_cidr(address, range).
func inCIDR(arguments ...any) (any, error) {
	prefix, err := netip.ParsePrefix(arguments[1].(string))
	if err != nil {
		return false, fmt.Errorf("in_cidr: %w", err)
	}
	addr, err := netip.ParseAddr(arguments[0].(string))
	if err != nil {
		return false, fmt.Errorf("in_cidr: %w", err)
	}
	return prefix.Contains(addr), nil
}

// constants looks for calls of in_cidr that could only fail.
type constants struct{ refused *file.Error }

// Visit is part of ast.Visitor.
func (c *constants) Visit(node *ast.Node) {
	call, is := (*node).(*ast.CallNode)
	if !is || c.refused != nil || len(call.Arguments) != 2 {
		return
	}
	if name, is := call.Callee.(*ast.IdentifierNode); !is || name.Value != "in_cidr" {
		return
	}
	if address, is := call.Arguments[0].(*ast.StringNode); is {
		if _, err := netip.ParseAddr(address.Value); err != nil {
			c.refuse(address, fmt.Sprintf("in_cidr: %q is no address", address.Value))
		}
	}
	if cidr, is := call.Arguments[1].(*ast.StringNode); is {
		if _, err := netip.ParsePrefix(cidr.Value); err != nil {
			c.refuse(cidr, fmt.Sprintf("in_cidr: %q is no range such as 192.0.2.0/24 or 2001:db8::/32", cidr.Value))
		}
	}
}

func (c *constants) refuse(n ast.Node, why string) {
	if c.refused == nil {
		c.refused = &file.Error{Location: n.Location(), Message: why}
	}
}
