package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// content is an object as it is decoded from JSON: numbers are int64 or float64.
type content = map[string]any

// maxFlaws bounds the unknown fields that are looked at one by one.
const maxFlaws = 100

// decode reads what an object says as its type, and the paths of the fields that
// the type does not have.
func decode[T any](obj content) (*T, flaws, error) {
	out := new(T)
	// The status is nobody's rule, and metadata is read by itself.
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(content{"spec": obj["spec"]}, out, true)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		var unknown flaws
		for _, e := range strict.Errors() {
			if len(unknown) == maxFlaws {
				unknown = append(unknown, "spec") // and so all of it
				break
			}
			unknown = append(unknown, fieldIn(e))
		}
		return out, unknown, nil
	}
	return out, nil, err
}

// fieldIn is the path in a message such as: unknown field "spec.a[0].b".
func fieldIn(e error) string {
	_, rest, _ := strings.Cut(e.Error(), `"`)
	field, _, quoted := strings.Cut(rest, `"`)
	if !quoted {
		return "spec"
	}
	return field
}

// head is what names an object.
type head struct {
	apiVersion, kind, namespace, name, uid string
	generation                             int64
}

func headOf(obj content) (h head, err error) {
	meta, _ := obj["metadata"].(content)
	text := func(from content, key string) string {
		s, _ := from[key].(string)
		return s
	}
	h = head{
		apiVersion: text(obj, "apiVersion"), kind: text(obj, "kind"),
		namespace: text(meta, "namespace"), name: text(meta, "name"), uid: text(meta, "uid"),
	}
	h.generation, _ = meta["generation"].(int64)
	if h.name == "" {
		return h, fmt.Errorf("policy: %s %s without metadata.name", h.apiVersion, h.kind)
	}
	return h, nil
}
