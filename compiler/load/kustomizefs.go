package load

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomizeFS shows kustomize a tree as a file system of its own, rooted at "/":
// read-only, with the limits of readLimited, and with kustomization files as
// rewrite leaves them.
type kustomizeFS struct{ g *graph }

var errReadOnly = errors.New("the tree is read-only")

func newKustomizeFS(g *graph) *kustomizeFS { return &kustomizeFS{g} }

func absolute(p string) string { return path.Join("/", p) }

func relative(p string) string {
	if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p == "" {
		return "."
	}
	return p
}

func (k *kustomizeFS) Create(string) (filesys.File, error) { return nil, errReadOnly }
func (k *kustomizeFS) Mkdir(string) error                  { return errReadOnly }
func (k *kustomizeFS) MkdirAll(string) error               { return errReadOnly }
func (k *kustomizeFS) RemoveAll(string) error              { return errReadOnly }
func (k *kustomizeFS) WriteFile(string, []byte) error      { return errReadOnly }
func (k *kustomizeFS) Open(string) (filesys.File, error)   { return nil, errReadOnly }

// IsDir implements filesys.FileSystem.
func (k *kustomizeFS) IsDir(p string) bool {
	info, err := fs.Stat(k.g.t.FS, relative(p))
	return err == nil && info.IsDir()
}

// Exists implements filesys.FileSystem.
func (k *kustomizeFS) Exists(p string) bool {
	_, err := fs.Stat(k.g.t.FS, relative(p))
	return err == nil
}

// ReadDir implements filesys.FileSystem.
func (k *kustomizeFS) ReadDir(p string) ([]string, error) {
	entries, err := fs.ReadDir(k.g.t.FS, relative(p))
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out, err
}

// CleanedAbs implements filesys.FileSystem.
func (k *kustomizeFS) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	clean := absolute(relative(p))
	info, err := fs.Stat(k.g.t.FS, relative(p))
	switch {
	case err != nil:
		return "", "", err
	case info.IsDir():
		return filesys.ConfirmedDir(clean), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(clean)), path.Base(clean), nil
}

// Glob implements filesys.FileSystem.
func (k *kustomizeFS) Glob(pattern string) ([]string, error) {
	found, err := fs.Glob(k.g.t.FS, relative(pattern))
	for i := range found {
		found[i] = absolute(found[i])
	}
	return found, err
}

// Walk implements filesys.FileSystem.
func (k *kustomizeFS) Walk(p string, visit filepath.WalkFunc) error {
	return fs.WalkDir(k.g.t.FS, relative(p), func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return visit(absolute(p), nil, err)
		}
		info, err := e.Info()
		return visit(absolute(p), info, err)
	})
}

// ReadFile implements filesys.FileSystem.
func (k *kustomizeFS) ReadFile(p string) ([]byte, error) {
	name := relative(p)
	dir, base := path.Split(name)
	if known := k.g.known[path.Clean("./"+dir)]; known != nil && known.file == name && known.doc != nil {
		return k.g.rewrite(known)
	}
	if !k.Exists(p) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	data, d, err := readLimited(k.g.t.FS, name, name, maxFile)
	if d != nil {
		return nil, fmt.Errorf("%s: %s", name, d.Message)
	}
	// kustomize expands aliases: parse says whether it may.
	if err == nil && isYAML(base) && bytes.ContainsRune(data, '&') && bytes.ContainsRune(data, '*') {
		if _, d := parse(name, data); d != nil {
			return nil, fmt.Errorf("%s: %s", d.Pos, d.Message)
		}
	}
	return data, err
}

// rewrite returns a kustomization without what must not be used: Secrets and the
// files they are made of (which are rarely in the repository), Helm charts,
// which need a command, and the overlay. It asks for the origin of each object.
// Deprecated fields are said the newer way, since kustomize prints a warning
// where it finds them.
func (g *graph) rewrite(k *kustomization) ([]byte, error) {
	out := &yaml.Node{Kind: yaml.MappingNode}
	drop := append([]string{"secretGenerator", "buildMetadata"}, chartFields...)
	lists := map[string]*yaml.Node{}
	list := func(key string) *yaml.Node {
		if lists[key] == nil {
			lists[key] = &yaml.Node{Kind: yaml.SequenceNode}
			out.Content = append(out.Content, word(key), lists[key])
		}
		return lists[key]
	}
	list("buildMetadata").Content = []*yaml.Node{word("originAnnotations")}
	for i := 0; i+1 < len(k.doc.Content); i += 2 {
		key, value := k.doc.Content[i], resolve(k.doc.Content[i+1])
		switch name := key.Value; {
		case slices.Contains(drop, name):
		case name == "resources" || name == "bases" || name == "components":
			to := list(strings.Replace(name, "bases", "resources", 1))
			for _, entry := range sequence(value) {
				if !within(path.Join(k.dir, entry.Value), g.skip) {
					to.Content = append(to.Content, entry)
				}
			}
		case name == "commonLabels":
			list("labels").Content = append(list("labels").Content, mapping("pairs", value, "includeSelectors", word("true")))
		case name == "imageTags":
			list("images").Content = append(list("images").Content, sequence(value)...)
		case name == "patchesStrategicMerge":
			for _, entry := range sequence(value) {
				field := "path"
				if strings.Contains(entry.Value, "\n") || !slices.Contains(k.files, path.Join(k.dir, entry.Value)) {
					field = "patch"
				}
				list("patches").Content = append(list("patches").Content, mapping(field, entry))
			}
		case name == "patchesJson6902" || name == "patches" || name == "images" || name == "labels":
			to := list(strings.Replace(name, "patchesJson6902", "patches", 1))
			to.Content = append(to.Content, sequence(value)...)
		default:
			out.Content = append(out.Content, key, value)
		}
	}
	return yaml.Marshal(out)
}

func word(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range pairs {
		switch p := p.(type) {
		case string:
			n.Content = append(n.Content, word(p))
		case *yaml.Node:
			n.Content = append(n.Content, p)
		}
	}
	return n
}
