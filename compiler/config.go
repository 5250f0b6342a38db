package compiler

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/load"
)

// ConfigName is the optional file that says what discovery cannot find.
const ConfigName = "kubeteus.yaml"

// config is kubeteus.yaml. Paths are relative to the project.
type config struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Manifests  []string `yaml:"manifests"`
	Guardrails []string `yaml:"guardrails"`
	Model      Settings `yaml:"model"`
	Clusters   []struct {
		Name      string `yaml:"name"`
		Inventory string `yaml:"inventory"`
		Target    string `yaml:"target"`
		Overlay   string `yaml:"overlay"`
	} `yaml:"clusters"`
}

// Settings say which model reads statements. The key is never among them.
type Settings struct {
	Name       string `yaml:"name"`       // the model's, as the server knows it; "" is no model
	BaseURL    string `yaml:"baseURL"`    // of an OpenAI-compatible API
	APIVersion string `yaml:"apiVersion"` // set for Azure OpenAI alone
	Attempts   int    `yaml:"attempts"`
	Samples    int    `yaml:"samples"`
	MaxTokens  int    `yaml:"maxTokens"` // of a whole run, prompts and answers
	Redact     bool   `yaml:"redact"`
	Insecure   bool   `yaml:"insecure"` // plain http is allowed to other machines
}

// ModelSettings returns what the project's kubeteus.yaml says of the model.
func ModelSettings(project fs.FS) (Settings, diag.List, error) {
	c, diags, err := readConfig(project)
	if m := c.Model; m.Attempts < 0 || m.Samples < 0 || m.MaxTokens < 0 {
		diags = append(diags, diag.Errorf(diag.ProjectConfig, diag.Position{File: ConfigName, Line: 1}, "model: attempts, samples and maxTokens are not negative"))
	}
	return c.Model, diags, err
}

// readConfig decodes kubeteus.yaml; without one, all is empty.
func readConfig(project fs.FS) (config, diag.List, error) {
	data, err := readLimited(project, ConfigName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return config{}, nil, nil
	case errors.Is(err, errTooBig) || errors.Is(err, errNotRegular):
		return config{}, diag.List{diag.Errorf(diag.ProjectConfig, diag.Position{File: ConfigName}, "%v", err)}, nil
	case err != nil:
		return config{}, nil, err
	}
	var c config
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return config{}, configErrors(err), nil
	}
	if c.APIVersion != "kubeteus.dev/v1alpha1" || c.Kind != "Project" {
		return config{}, diag.List{diag.Errorf(diag.ProjectConfig, diag.Position{File: ConfigName, Line: 1},
			"not a project file: it needs apiVersion: kubeteus.dev/v1alpha1 and kind: Project")}, nil
	}
	return c, nil, nil
}

// configure fills what the command line left open from kubeteus.yaml, and from
// the conventions where there is none.
func (r *Result) configure(o *Options) error {
	c, diags, err := readConfig(o.Project)
	if err != nil || r.add(diags) {
		return err
	}
	if o.Base != nil {
		// What is checked, and what it is held against, is not the head's to choose.
		base, diags, err := readConfig(o.Base)
		if err != nil || r.add(diags) {
			return err
		}
		c.Clusters, c.Guardrails = base.Clusters, base.Guardrails
	}
	r.configured(o, c)
	r.guarded(o, c)
	r.Overlay, r.Target = path.Clean(or(o.Overlay, "policies")), or(o.Target, "auto")
	if len(o.Inventory) == 0 {
		if _, err := fs.Stat(o.Project, "inventory.yaml"); err == nil {
			o.Inventory = []load.Tree{{FS: o.Project, Path: "inventory.yaml"}}
		}
	}
	return nil
}

// guardrailsName is the folder of guardrails that is found without being told.
const guardrailsName = "guardrails"

// guarded finds the folders of guardrails: in the base tree where there is one,
// so that a pull request cannot weaken what it is held against.
func (r *Result) guarded(o *Options, c config) {
	if len(o.Guardrails) > 0 {
		return
	}
	tree := o.Project
	if o.Base != nil {
		tree = o.Base
	}
	folders := c.Guardrails
	if len(folders) == 0 {
		if _, err := fs.Lstat(tree, guardrailsName); !errors.Is(err, fs.ErrNotExist) {
			folders = []string{guardrailsName} // whatever it is: one that cannot be read is no folder without rules
		}
	}
	for _, p := range folders {
		clean := path.Clean(p)
		if info, err := fs.Stat(tree, clean); err != nil || !info.IsDir() {
			r.add(diag.List{diag.Errorf(diag.ProjectConfig, diag.Position{File: ConfigName, Line: 1}, "guardrails: %q is no folder of the project", p)})
			continue
		}
		o.Guardrails = append(o.Guardrails, load.Tree{FS: tree, Path: clean})
	}
}

func (r *Result) configured(o *Options, c config) {
	bad := func(format string, args ...any) {
		r.add(diag.List{diag.Errorf(diag.ProjectConfig, diag.Position{File: ConfigName, Line: 1}, format, args...)})
	}
	if len(c.Clusters) > 1 {
		bad("%d clusters: a project writes the overlay of one cluster so far", len(c.Clusters))
	}
	tree := func(p string) load.Tree {
		clean := path.Clean(p)
		if !fs.ValidPath(clean) {
			bad("%q leads out of the project", p)
		} else if _, err := fs.Stat(o.Project, clean); err != nil {
			bad("%q is not there", p)
		}
		return load.Tree{FS: o.Project, Path: clean}
	}
	if len(o.Manifests) == 0 {
		for _, m := range c.Manifests {
			o.Manifests = append(o.Manifests, tree(m))
		}
	}
	for _, cluster := range c.Clusters {
		if cluster.Inventory != "" && len(o.Inventory) == 0 {
			o.Inventory = []load.Tree{tree(cluster.Inventory)}
		}
		if o.Target == "" {
			o.Target = cluster.Target
		}
		if clean := path.Clean(cluster.Overlay); cluster.Overlay != "" && o.Overlay == "" {
			if !fs.ValidPath(clean) || clean == "." {
				bad("overlay %q is no folder inside the project", cluster.Overlay)
			}
			o.Overlay = clean
		}
	}
}

// configErrors gives the decoder's messages their positions: it words them as
// "line 3: field x not found in type compiler.config".
func configErrors(err error) diag.List {
	lines := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		lines = typed.Errors
	}
	var out diag.List
	for _, l := range lines {
		pos := diag.Position{File: ConfigName}
		if rest, ok := strings.CutPrefix(l, "line "); ok {
			if number, message, ok := strings.Cut(rest, ": "); ok {
				if n, err := strconv.Atoi(number); err == nil {
					pos.Line, l = n, message
				}
			}
		}
		if what, _, ok := strings.Cut(l, " into compiler."); ok {
			l = strings.Replace(what, "cannot unmarshal", "not what belongs here:", 1)
		}
		if field, _, ok := strings.Cut(l, " not found in type"); ok {
			l = "unknown key " + strconv.Quote(strings.TrimPrefix(field, "field "))
		}
		out = append(out, diag.Errorf(diag.ProjectConfig, pos, "%s", l).
			Hint("keys are apiVersion, kind, manifests, guardrails, model (name, baseURL, apiVersion, attempts, samples, maxTokens, redact, insecure) and clusters (name, inventory, target, overlay)"))
	}
	return out
}
