package probe

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
)

// ReadProject reads a project folder with manifests/ and an inventory.yaml of
// kind List as a case without statements, for probes that a test brings along.
// Workloads are given addresses podNetwork.2, .3 and so on, which must lie in the
// inventory's pod network.
func ReadProject(dir, podNetwork string) (*Case, error) {
	fsys := os.DirFS(dir)
	names, err := fs.Glob(fsys, "manifests/*.yaml")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	c := &Case{ID: path.Base(dir), Targets: []string{"k8s"}, Expect: "policy"}
	for _, name := range names {
		docs, err := readDocs(fsys, name)
		if err != nil {
			return nil, err
		}
		c.manifests = append(c.manifests, file{path.Base(name), docs})
	}
	lists, err := readDocs(fsys, "inventory.yaml")
	if err != nil {
		return nil, err
	}
	for _, l := range lists {
		if items := child(l, "items"); items != nil {
			c.objects = append(c.objects, items.Content...)
		}
	}
	c.facts.PodIPs = map[string]list{}
	for _, doc := range c.docs() {
		if templateOf(doc) == nil {
			continue
		}
		ref := scalar(doc, "metadata", "namespace") + "/" + scalar(doc, "metadata", "name")
		c.facts.PodIPs[ref] = list{fmt.Sprintf("%s.%d", podNetwork, len(c.facts.PodIPs)+2)}
	}
	return c, nil
}

// Workloads are the names that probes may use, sorted.
func (c *Case) Workloads() []string {
	var out []string
	for ref := range c.facts.PodIPs {
		out = append(out, ref)
	}
	slices.Sort(out)
	return out
}
