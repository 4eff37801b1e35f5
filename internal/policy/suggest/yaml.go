package suggest

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// YAML is Policy as a file to apply, beginning with comments that say what it is
// a part of.
func YAML(w Workload, edges []Edge) (string, error) {
	p, beyond, err := Policy(w, edges)
	if err != nil {
		return "", err
	}
	text, err := yaml.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("suggest: write the policy of %s/%s: %w", w.Namespace, w.Name, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# What %s %s/%s was seen to do on node %s; replicas seen: %s.\n", w.Kind, w.Namespace, w.Name, w.Node, replicas(w))
	b.WriteString("# Do not apply it alone: it denies what was seen on other nodes only. Policies\n" +
		"# add up; those of all nodes together allow what was seen.\n")
	if unlabelled(edges) {
		b.WriteString("# Some peers have no labels that last: their whole namespace is allowed.\n")
	}
	if beyond > 0 {
		fmt.Fprintf(&b, "# Edges of protocols that no NetworkPolicy can speak of, such as ICMP: %d.\n", beyond)
	}
	b.Write(text)
	return b.String(), nil
}

func unlabelled(edges []Edge) bool {
	for i := range edges {
		if p := &edges[i].Peer; p.Namespace != "" && len(p.Labels) == 0 {
			return true
		}
	}
	return false
}
