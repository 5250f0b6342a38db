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
	Clusters   []struct {
		Name      string `yaml:"name"`
		Inventory string `yaml:"inventory"`
		Target    string `yaml:"target"`
		Overlay   string `yaml:"overlay"`
	} `yaml:"clusters"`
}

// configure fills what the command line left open from kubeteus.yaml, and from
// the conventions where there is none.
func (r *Result) configure(o *Options) error {
	data, err := readLimited(o.Project, ConfigName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, errTooBig) || errors.Is(err, errNotRegular):
		r.add(diag.List{diag.Errorf(diag.ProjectConfig, diag.Position{File: ConfigName}, "%v", err)})
		return nil
	case err != nil:
		return err
	default:
		r.configured(o, data)
	}
	r.Overlay, r.Target = path.Clean(or(o.Overlay, "policies")), or(o.Target, "auto")
	if len(o.Inventory) == 0 {
		if _, err := fs.Stat(o.Project, "inventory.yaml"); err == nil {
			o.Inventory = []load.Tree{{FS: o.Project, Path: "inventory.yaml"}}
		}
	}
	return nil
}

func (r *Result) configured(o *Options, data []byte) {
	var c config
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		r.add(configErrors(err))
		return
	}
	bad := func(format string, args ...any) {
		r.add(diag.List{diag.Errorf(diag.ProjectConfig, diag.Position{File: ConfigName, Line: 1}, format, args...)})
	}
	if c.APIVersion != "kubeteus.dev/v1alpha1" || c.Kind != "Project" {
		bad("not a project file: it needs apiVersion: kubeteus.dev/v1alpha1 and kind: Project")
		return
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
		if field, _, ok := strings.Cut(l, " not found in type"); ok {
			l = "unknown key " + strconv.Quote(strings.TrimPrefix(field, "field "))
		}
		out = append(out, diag.Errorf(diag.ProjectConfig, pos, "%s", l).
			Hint("keys are apiVersion, kind, manifests and clusters (name, inventory, target, overlay)"))
	}
	return out
}
