package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// Limits on what is read. A snapshot of a large cluster is one file.
const (
	maxFile     = 10 << 20
	maxSnapshot = 512 << 20
)

// file is one YAML file: what it holds, or why it holds nothing.
type file struct {
	path string
	skip string // the kind of file it is, where it holds no Kubernetes object
	contents
}

// readFile reads and decodes one file.
func readFile(t Tree, p string, snapshot bool) (*file, error) {
	f := &file{path: p}
	limit := maxFile
	if snapshot {
		limit = maxSnapshot
	}
	data, d, err := readLimited(t.FS, p, t.file(p), limit)
	if err != nil {
		return nil, err
	}
	if d != nil {
		f.diags = diag.List{*d}
		return f, nil
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	isJSON := path.Ext(p) == ".json"
	if !snapshot && !looksLikeObject(data) {
		if !isJSON && bytes.IndexByte(data, 0) >= 0 {
			_, d = parse(t.file(p), data)
			f.diags = diag.List{*d}
		} else if !isJSON && content.Match(data) {
			f.skip = classify(p)
		}
		return f, nil
	}
	f.decode(t.file(p), data, snapshot, isJSON)
	return f, nil
}

// readLimited reads a regular file of at most limit bytes. Links are followed
// inside the tree; fs.FS of an os.Root refuses those that leave it.
func readLimited(fsys fs.FS, p, name string, limit int) ([]byte, *diag.Diagnostic, error) {
	refuse := func(format string, args ...any) ([]byte, *diag.Diagnostic, error) {
		d := diag.Errorf(diag.ManifestLimit, diag.Position{File: name}, format, args...)
		return nil, &d, nil
	}
	info, err := fs.Stat(fsys, p)
	if err != nil {
		if isLink(fsys, p) {
			return refuse("a link that leads out of the tree or nowhere is not followed")
		}
		return nil, nil, err
	}
	tooLarge := func() ([]byte, *diag.Diagnostic, error) {
		data, d, err := refuse("larger than %d MiB", limit>>20)
		*d = d.Hint("split the file, or list the manifests to read in kubeteus.yaml: manifests: [DIR]")
		return data, d, err
	}
	switch {
	case !info.Mode().IsRegular():
		return refuse("not a regular file: %s", modeName(info.Mode()))
	case info.Size() > int64(limit):
		return tooLarge()
	}
	opened, err := fsys.Open(p)
	if err != nil {
		return nil, nil, err
	}
	defer opened.Close()
	data, err := io.ReadAll(io.LimitReader(opened, int64(limit)+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > limit {
		return tooLarge()
	}
	return data, nil, nil
}

func isLink(fsys fs.FS, p string) bool {
	info, err := fs.Lstat(fsys, p)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

func modeName(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

var (
	manifestLine = regexp.MustCompile(`(?m)^(?:- )?["']?(apiVersion|kind)["']?\s*:`)
	content      = regexp.MustCompile(`(?m)^[ \t]*[^\s#-]`) // more than comments and separators
	placeholder  = regexp.MustCompile(`\{\{|\{%|\$\{|<[%A-Za-z]`)
)

func looksLikeObject(data []byte) bool {
	return bytes.Contains(data, []byte("apiVersion")) && bytes.Contains(data, []byte("kind"))
}

// decode fills f from the file's bytes.
func (f *file) decode(name string, data []byte, snapshot, isJSON bool) {
	docs, d := parse(name, data)
	if d != nil {
		switch {
		case snapshot, d.ID == diag.ManifestLimit:
			f.diags = diag.List{*d}
		case bytes.Contains(data, []byte("{{")) || bytes.Contains(data, []byte("{%")):
			f.skip = "template"
		case len(manifestLine.FindAll(data, -1)) >= 2 || bytes.IndexByte(data, 0) >= 0:
			f.diags = diag.List{*d}
		case !isJSON:
			f.skip = classify(f.path)
		}
		return
	}
	r := &reader{file: name, at: func(n *yaml.Node) diag.Position {
		return diag.Position{File: name, Line: n.Line, Column: n.Column}
	}}
	objects := 0
	for _, doc := range docs {
		switch {
		case isObject(doc):
			objects++
			if !snapshot && isTemplate(doc) {
				f.skip = "template"
				return
			}
			r.document(doc)
		case snapshot && doc.ShortTag() != "!!null":
			r.diags = append(r.diags, diag.Errorf(diag.ManifestSyntax, r.at(doc), "neither a Kubernetes object nor an Inventory").
				Hint("an inventory is the output of `kubectl get ... -o yaml`, or apiVersion: %s with kind: Inventory", SnapshotVersion))
		}
	}
	if objects == 0 && !isJSON && !snapshot && len(docs) > 0 {
		f.skip = classify(f.path)
	}
	f.contents = r.contents
}

// isTemplate says whether an object's name is still to be filled in.
func isTemplate(n *yaml.Node) bool {
	meta := (&decoder{}).view(n).get("metadata")
	return placeholder.MatchString(meta.get("name").text()) || placeholder.MatchString(meta.get("namespace").text())
}

// classify names the kind of a YAML file that holds no Kubernetes object.
func classify(p string) string {
	base := strings.ToLower(path.Base(p))
	stem := strings.TrimSuffix(base, path.Ext(base))
	has := func(prefixes ...string) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(stem, prefix) {
				return true
			}
		}
		return false
	}
	switch {
	case has("docker-compose", "compose"):
		return "compose file"
	case has("azure-pipelines", "bitbucket-pipelines", "cloudbuild", "buildspec", "appveyor", "gitlab-ci", "jenkins", "codecov", "dependabot", "circle", "wercker"):
		return "CI file"
	case has("values") || strings.HasSuffix(stem, "-values") || strings.HasSuffix(stem, ".values"):
		return "values file"
	}
	return "other YAML"
}

// skip is one thing that was not read.
type skip struct {
	name string
	pos  diag.Position
}

// skips counts what was not read, by kind.
type skips struct {
	order  []string
	byKind map[string][]skip
}

func (s *skips) add(kind string, one skip) {
	if s.byKind == nil {
		s.byKind = map[string][]skip{}
	}
	if len(s.byKind[kind]) == 0 {
		s.order = append(s.order, kind)
	}
	s.byKind[kind] = append(s.byKind[kind], one)
}

// notes returns one note per kind.
func (s *skips) notes() diag.List {
	var out diag.List
	for _, kind := range s.order {
		all, more := s.byKind[kind], ""
		if len(all) > 1 {
			more = fmt.Sprintf(" and %d more", len(all)-1)
		}
		out = append(out, diag.Notef(diag.ManifestSkipped, all[0].pos, "not read (%s): %s%s", kind, all[0].name, more))
	}
	return out
}

// notThere says whether err means that a path does not exist.
func notThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }
