package policy

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// examples are the YAML blocks of the documentation.
func examples(t *testing.T) (blocks []string) {
	text, err := os.ReadFile("../../docs/policy.md")
	require.NoError(t, err)
	for i, part := range strings.Split(string(text), "```") {
		if yaml, is := strings.CutPrefix(part, "yaml\n"); is && i%2 == 1 {
			blocks = append(blocks, yaml)
		}
	}
	return blocks
}

func TestTheExamplesOfTheDocumentationAreRead(t *testing.T) {
	blocks := examples(t)
	require.Len(t, blocks, 2)

	var cfg struct {
		Policy struct {
			Rules []struct {
				Name, Action string
				From, To     struct {
					Namespaces  []string
					PodSelector string `json:"pod_selector"`
				}
				Ports []string
			}
		}
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(blocks[0]), &cfg))
	var rules []RuleConfig
	for _, r := range cfg.Policy.Rules {
		rules = append(rules, RuleConfig{Name: r.Name, Action: r.Action, Ports: r.Ports,
			From: Who{Namespaces: r.From.Namespaces, PodSelector: r.From.PodSelector},
			To:   Who{Namespaces: r.To.Namespaces, PodSelector: r.To.PodSelector}})
	}
	c := audited(t, rules...)
	c.pod("shop/api", "app=api", "198.18.128.30")
	c.decide(`
		shop/api > shop/db 5432: allowed
		shop/web > shop/db 5432: denied`)

	c = shop(t).pod("shop/api", "app=api", "198.18.128.30").apply(blocks[1])
	c.decide(`
		shop/api > shop/db 5432: allowed
		shop/web > shop/db 5432: denied
		shop/web > 198.18.254.169 80: denied egress metadata-service egress[0]`)
}
