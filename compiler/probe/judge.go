package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Verdict is what became of a case.
type Verdict string

const (
	// Right: every probe holds, or what should be refused was.
	Right Verdict = "right"
	// Refused: a statement that has a policy was refused, nothing was written.
	Refused Verdict = "refused"
	// Wrong: what was written is not what the statements mean.
	Wrong Verdict = "wrong"
)

// Outcome is the verdict on a case, with reasons where it is not right. Held and
// Skipped count probes; a skipped one is beyond native NetworkPolicy.
type Outcome struct {
	Case          string
	Verdict       Verdict
	Reasons       []string
	Held, Skipped int
}

// Judge decides a case for the target kubernetes by the files in the overlay
// folder; a missing folder is an empty one. Refused says that the compiler
// rejected the statements. An error means that the sample or the folder could
// not be read at all.
func (c *Case) Judge(overlay string, refused bool) (Outcome, error) {
	out := Outcome{Case: c.ID, Verdict: Right}
	docs, broken, err := readOverlay(overlay)
	if err != nil {
		return out, fmt.Errorf("judging %s: %w", c.ID, err)
	}
	mustRefuse := c.Expect == "refuse" || !slices.Contains(c.Targets, "k8s")
	switch {
	case refused && len(docs) > 0:
		out.wrong("refused, and yet %d objects were written", len(docs))
	case refused && (mustRefuse || c.Expect == "policy-or-refuse"):
	case refused:
		out.Verdict = Refused
	case len(broken) > 0:
		out.wrong("%s", strings.Join(broken, "; "))
	case mustRefuse && len(docs) > 0:
		out.wrong("should have been refused, but %d objects were written", len(docs))
	case mustRefuse:
	default:
		err := c.judgePolicies(docs, &out)
		return out, err
	}
	return out, nil
}

func (o *Outcome) wrong(format string, args ...any) {
	o.Verdict = Wrong
	o.Reasons = append(o.Reasons, fmt.Sprintf(format, args...))
}

// judgePolicies asks every probe of the policies together with those in force.
func (c *Case) judgePolicies(docs []*yaml.Node, out *Outcome) error {
	cl, err := c.cluster()
	if err != nil {
		return err
	}
	var policies []*networkPolicy
	for _, doc := range c.existing {
		p, err := decodePolicy(doc)
		if err != nil {
			return fmt.Errorf("policy in force: %w", err)
		}
		policies = append(policies, p)
	}
	seen := map[string]bool{}
	for _, p := range policies {
		seen[p.Metadata.Namespace+"/"+p.Metadata.Name] = true
	}
	for _, doc := range docs {
		p, err := decodePolicy(doc)
		if err != nil {
			out.wrong("the API server would refuse an object: %v", err)
			continue
		}
		key := p.Metadata.Namespace + "/" + p.Metadata.Name
		if cl.namespaces[p.Metadata.Namespace] == nil {
			out.wrong("policy %s is in a namespace that does not exist", key)
		}
		if seen[key] {
			out.wrong("policy %s is there twice, or replaces one in force", key)
		}
		seen[key] = true
		policies = append(policies, p)
	}
	return c.ask(cl, policies, out)
}

// ask holds every probe against both modes.
func (c *Case) ask(cl *cluster, policies []*networkPolicy, out *Outcome) error {
	for i, p := range c.Probes {
		if strings.HasPrefix(p.To, "fqdn:") || p.HTTP != nil || p.Protocol == "ICMP" {
			out.Skipped++
			continue
		}
		var missed []string
		for _, mode := range []Mode{ByAddress, ExternalOnly} {
			passes, err := cl.decide(policies, p, mode)
			if err != nil {
				return fmt.Errorf("probe %d: %w", i, err)
			}
			if got := map[bool]string{true: "allow", false: "deny"}[passes]; got != p.Expect {
				missed = append(missed, string(mode))
			}
		}
		if len(missed) > 0 {
			out.wrong("probe %d: %s should be %s (mode %s)", i, p, p.Expect, strings.Join(missed, ", "))
		} else {
			out.Held++
		}
	}
	return nil
}

// readOverlay returns the objects that applying the folder would create. Where
// there is a kustomization, that is what it lists; a policy file beside it that
// is not listed would never be applied, and is reported as broken, like YAML
// that does not parse.
func readOverlay(dir string) (docs []*yaml.Node, broken []string, err error) {
	fsys := os.DirFS(dir)
	listed, err := readKustomization(fsys)
	if err != nil {
		return nil, nil, err
	}
	found := map[string]bool{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == "." {
			return fs.SkipAll
		}
		if err != nil || d.IsDir() || path.Ext(name) != ".yaml" || name == "kustomization.yaml" {
			return err
		}
		found[name] = true
		if listed != nil && !slices.Contains(listed, name) {
			broken = append(broken, name+" is not listed in kustomization.yaml")
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		more, err := parseDocs(data)
		if err != nil {
			broken = append(broken, fmt.Sprintf("%s: %v", name, err))
		}
		docs = append(docs, more...)
		return nil
	})
	for _, name := range listed {
		if !found[name] {
			broken = append(broken, "kustomization.yaml lists "+name+", which is not there")
		}
	}
	return docs, broken, err
}

// readKustomization returns the resources that the folder's kustomization lists,
// or nil if it has none.
func readKustomization(fsys fs.FS) ([]string, error) {
	data, err := fs.ReadFile(fsys, "kustomization.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k := struct {
		Resources []string `yaml:"resources"`
	}{}
	if err := yaml.Unmarshal(data, &k); err != nil {
		return nil, fmt.Errorf("kustomization.yaml: %w", err)
	}
	listed := []string{}
	for _, r := range k.Resources {
		listed = append(listed, path.Clean(r))
	}
	return listed, nil
}
