package filter

import (
	"reflect"

	"github.com/expr-lang/expr/ast"
)

// Fields are the names that an expression can use, such as source.namespace, in the
// order of Env.
func Fields() []string {
	var names []string
	env := reflect.TypeFor[Env]()
	for i := range env.NumField() {
		name := env.Field(i).Tag.Get("expr")
		if env.Field(i).Type != reflect.TypeFor[End]() {
			names = append(names, name)
			continue
		}
		end := env.Field(i).Type
		for j := range end.NumField() {
			names = append(names, name+"."+end.Field(j).Tag.Get("expr"))
		}
	}
	return names
}

// Uses tells whether the expression names one of the fields.
func (f *Filter) Uses(fields ...string) bool {
	for _, field := range fields {
		if _, used := f.fields[field]; used {
			return true
		}
	}
	return false
}

// fieldsOf collects the fields that a tree names.
func fieldsOf(tree ast.Node) map[string]struct{} {
	c := collector{}
	ast.Walk(&tree, c)
	return c
}

type collector map[string]struct{}

// Visit is part of ast.Visitor.
func (c collector) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		c[n.Value] = struct{}{}
	case *ast.MemberNode:
		of, isName := n.Node.(*ast.IdentifierNode)
		property, isString := n.Property.(*ast.StringNode)
		if isName && isString {
			c[of.Value+"."+property.Value] = struct{}{}
		}
	}
}
