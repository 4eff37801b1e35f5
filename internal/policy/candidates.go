package policy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/ebpfnet/ebpfnetreceiver/internal/flow"
)

// maxFile bounds a file of candidates, in bytes.
const maxFile = 16 << 20

// LoadCandidates reads files of policies that are not applied yet, for the view
// Candidates. What is wrong is named with its file; the rest is in the view all
// the same.
func (e *Evaluator) LoadCandidates(files []string, now flow.Nanos) error {
	var errs []error
	for _, name := range files {
		text, err := readFile(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("policy: read candidates: %w", err))
			continue
		}
		objs, err := Parse(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("policy: read candidates %s: %w", name, err))
		}
		for _, obj := range objs {
			if _, err := e.Put(obj, Candidates, now); err != nil {
				errs = append(errs, fmt.Errorf("candidates %s: %w", name, err))
			}
		}
	}
	return errors.Join(errs...)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return text, err
}

// Parse reads the policies in YAML or JSON documents and lists of objects, as
// Put takes them. Objects of other kinds are left out. With an error come the
// policies before it.
func Parse(text []byte) (policies []map[string]any, err error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return policies, nil
		}
		if err != nil {
			return policies, fmt.Errorf("document %d: %w", n, err)
		}
		asJSON, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return policies, fmt.Errorf("document %d: %w", n, err)
		}
		var obj any
		if err := utiljson.Unmarshal(asJSON, &obj); err != nil {
			return policies, fmt.Errorf("document %d: %w", n, err)
		}
		policies = appendPolicies(policies, obj)
	}
}

func appendPolicies(all []map[string]any, obj any) []map[string]any {
	o, _ := obj.(content)
	kind, _ := o["kind"].(string)
	if items, isList := o["items"].([]any); isList && strings.HasSuffix(kind, "List") {
		for _, item := range items {
			all = appendPolicies(all, item)
		}
		return all
	}
	if !strings.HasSuffix(kind, "NetworkPolicy") {
		return all
	}
	return append(all, o)
}
