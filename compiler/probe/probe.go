// Package probe judges the compiler from outside: it reads the sample
// statements of testdata/samples, writes each as a project folder, and decides
// by the sample's probes over the emitted YAML whether what was compiled is
// right, refused or wrong. It also renames a sample from end to end, so that
// nothing can be right by knowing the sample's words.
//
// It exists because reach and verify are written by the same hands as the
// lowering they judge. Its evaluator is the naive reading of the NetworkPolicy
// API documentation, one flow at a time, over the files as they lie on disk. It
// imports no other package of the compiler, not even the nouns, and none
// imports it: only tests do. It knows native NetworkPolicy and nothing else;
// probes about domains, HTTP requests and ICMP are counted as not judged.
package probe

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Case is one sample: what a person wrote, the cluster it is about, and probes
// of what was meant.
type Case struct {
	ID          string   `yaml:"id"`
	Scenario    string   `yaml:"scenario"`
	Namespace   string   `yaml:"namespace"` // "" if the statements are in no namespace
	Statements  []string `yaml:"statements"`
	Categories  []string `yaml:"categories"`
	Targets     []string `yaml:"targets"`
	Unsupported []string `yaml:"unsupported_targets"`
	Expect      string   `yaml:"expect"` // policy, refuse, policy-or-refuse
	Existing    string   `yaml:"existing"`
	Probes      []Probe  `yaml:"probes"`

	manifests []file       // the application repository
	objects   []*yaml.Node // cluster objects that are not in the repository
	existing  []*yaml.Node // policies in force before the compiler runs
	facts     facts
}

// Probe is one flow and the verdict that the statements ask for.
type Probe struct {
	From     string `yaml:"from"`
	To       string `yaml:"to"`
	Port     int    `yaml:"port"`
	Protocol string `yaml:"protocol"`
	Expect   string `yaml:"expect"`
	HTTP     any    `yaml:"http"`
}

// String formats the probe's flow.
func (p Probe) String() string {
	return fmt.Sprintf("%s -> %s:%d/%s", p.From, p.To, p.Port, p.Protocol)
}

// file is one manifest file, taken apart into its documents.
type file struct {
	name string
	docs []*yaml.Node
}

// facts is a scenario's facts.yaml.
type facts struct {
	Cluster struct {
		PodCIDR     list `yaml:"podCIDR"`
		ServiceCIDR list `yaml:"serviceCIDR"`
		Nodes       list `yaml:"nodes"`
	} `yaml:"cluster"`
	PodIPs map[string]list `yaml:"podIPs"`
}

// list is one string or several.
type list []string

// UnmarshalYAML reads a scalar as a list of one.
func (l *list) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*l = list{n.Value}
		return nil
	}
	var many []string
	if err := n.Decode(&many); err != nil {
		return err
	}
	*l = many
	return nil
}

// Cases reads the samples of a folder laid out like testdata/samples, sorted by
// id.
func Cases(dir string) ([]*Case, error) {
	fsys := os.DirFS(dir)
	names, err := fs.Glob(fsys, "cases/*.yaml")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("reading samples: no cases in %s", dir)
	}
	slices.Sort(names)
	var cases []*Case
	for _, name := range names {
		c, err := readCase(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func readCase(fsys fs.FS, name string) (*Case, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	c := new(Case)
	if err := yaml.Unmarshal(data, c); err != nil {
		return nil, err
	}
	if want := strings.TrimSuffix(path.Base(name), ".yaml"); c.ID != want {
		return nil, fmt.Errorf("id %q differs from the file's name", c.ID)
	}
	for i := range c.Probes {
		if c.Probes[i].Protocol == "" {
			c.Probes[i].Protocol = "TCP"
		}
	}
	return c, c.readCluster(fsys)
}

// readCluster reads the scenario and the policies in force.
func (c *Case) readCluster(fsys fs.FS) error {
	base := path.Join("scenarios", c.Scenario)
	names, err := fs.Glob(fsys, base+"/manifests/*.yaml")
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		docs, err := readDocs(fsys, name)
		if err != nil {
			return err
		}
		c.manifests = append(c.manifests, file{path.Base(name), docs})
	}
	if c.objects, err = readDocs(fsys, base+"/inventory/cluster.yaml"); err != nil {
		return err
	}
	if c.Existing != "" {
		if c.existing, err = readDocs(fsys, c.Existing); err != nil {
			return err
		}
	}
	data, err := fs.ReadFile(fsys, base+"/inventory/facts.yaml")
	if err != nil {
		return err
	}
	return yaml.Unmarshal(data, &c.facts)
}

// readDocs reads the documents of a YAML file, without empty ones.
func readDocs(fsys fs.FS, name string) ([]*yaml.Node, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	docs, err := parseDocs(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return docs, nil
}
