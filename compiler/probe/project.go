package probe

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// WriteProject writes the case as a project folder: intents/case.yaml with the
// statements, manifests/ with the application, and inventory.yaml with the rest
// of the cluster (DNS, nodes, CIDRs, policies in force).
func (c *Case) WriteProject(dir string) error {
	type output struct {
		name    string
		content func() ([]byte, error)
	}
	files := []output{{"intents/case.yaml", c.encodeIntents}, {"inventory.yaml", c.encodeInventory}}
	for _, f := range c.manifests {
		files = append(files, output{"manifests/" + f.name, func() ([]byte, error) { return encodeNodes(f.docs) }})
	}
	for _, f := range files {
		data, err := f.content()
		if err != nil {
			return fmt.Errorf("writing %s of %s: %w", f.name, c.ID, err)
		}
		target := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func encodeNodes(docs []*yaml.Node) ([]byte, error) {
	out := make([]any, len(docs))
	for i, d := range docs {
		out[i] = d
	}
	return encode(out...)
}

func (c *Case) encodeIntents() ([]byte, error) {
	type spec struct {
		Namespace string   `yaml:"namespace,omitempty"`
		Intents   []string `yaml:"intents"`
	}
	type set struct {
		APIVersion string            `yaml:"apiVersion"`
		Kind       string            `yaml:"kind"`
		Metadata   map[string]string `yaml:"metadata"`
		Spec       spec              `yaml:"spec"`
	}
	return encode(set{"kubeteus.dev/v1alpha1", "IntentSet", map[string]string{"name": "case"}, spec{c.Namespace, c.Statements}})
}

// encodeInventory writes the List that kubectl get -o yaml would give.
func (c *Case) encodeInventory() ([]byte, error) {
	type m = map[string]any
	var items []any
	for i, address := range c.facts.Cluster.Nodes {
		spec := m{"podCIDRs": c.facts.Cluster.PodCIDR}
		if len(c.facts.Cluster.PodCIDR) > 0 {
			spec["podCIDR"] = c.facts.Cluster.PodCIDR[0]
		}
		items = append(items, m{
			"apiVersion": "v1", "kind": "Node", "metadata": m{"name": fmt.Sprintf("node-%d", i+1)},
			"spec":   spec,
			"status": m{"addresses": []any{m{"type": "InternalIP", "address": address}}},
		})
	}
	if cidrs := c.facts.Cluster.ServiceCIDR; len(cidrs) > 0 {
		items = append(items, m{
			"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": m{"name": "kubernetes"},
			"spec": m{"cidrs": cidrs},
		})
	}
	for _, doc := range c.objects {
		items = append(items, doc)
	}
	for _, doc := range c.existing {
		items = append(items, doc)
	}
	return encode(m{"apiVersion": "v1", "kind": "List", "items": items})
}
