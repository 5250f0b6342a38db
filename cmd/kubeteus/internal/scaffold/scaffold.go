// Package scaffold makes the files that a repository needs to begin with kubeteus:
// kubeteus.yaml, a first intents file, the workflow, and what Argo CD or Flux syncs
// the overlay with. It renders them, shows a tree as it would be with them, and
// writes them.
//
// Names come from manifests and addresses from a repository's configuration, and
// both are untrusted: they reach a file through the YAML encoder, each as one
// scalar on one line. Nothing is ever overwritten. The package reads no manifests,
// asks nobody and decides nothing about policies.
package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// File is a file to be written. Path is slash-separated.
type File struct {
	Path string
	Data []byte
}

//go:embed templates
var embedded embed.FS

var templates = template.Must(template.New("").Delims("<<", ">>").Funcs(template.FuncMap{"yaml": scalar, "list": flow}).
	ParseFS(embedded, "templates/*.tmpl"))

// plain is text that needs no quotes, neither in a block nor in a flow, unless it
// is a number or a word of YAML's own: that the encoder knows.
var plain = regexp.MustCompile(`^[A-Za-z0-9./]([A-Za-z0-9._/@-]|:[A-Za-z0-9._/@-]| [A-Za-z0-9._/@])*$`)

// scalar encodes text as a YAML scalar on one line.
func scalar(s string) (string, error) {
	n := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if !plain.MatchString(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return line(&n)
}

// flow encodes texts as a YAML sequence on one line.
func flow(items []string) (string, error) {
	n := yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, i := range items {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: i, Style: yaml.DoubleQuotedStyle})
	}
	return line(&n)
}

func line(n *yaml.Node) (string, error) {
	data, err := yaml.Marshal(n)
	if err != nil {
		return "", err
	}
	out := strings.TrimSuffix(string(data), "\n")
	if strings.Contains(out, "\n") {
		return "", fmt.Errorf("%.40q does not fit on one line of YAML", out)
	}
	return out, nil
}

func render(name string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// Config renders kubeteus.yaml. Either may be empty.
func Config(manifests []string, overlay string) ([]byte, error) {
	return render("kubeteus.yaml.tmpl", struct {
		Manifests []string
		Overlay   string
	}{manifests, overlay})
}

// Workflow renders the workflow of a project that lies in the folder inside of a
// repository whose default branch is branch. file is the workflow's own path.
func Workflow(inside, branch, file string) ([]byte, error) {
	data := struct {
		Name, Group, Branch, Inside string
		Paths                       []string
	}{"kubeteus", "kubeteus", pattern(branch), "", nil}
	if strings.Contains(inside+branch, "${{") {
		return nil, fmt.Errorf("a folder or branch whose name holds ${{ would be run as an expression by the workflow")
	}
	if inside != "." {
		slug := Slug(inside)
		data.Name, data.Group, data.Inside = "kubeteus "+slug, "kubeteus-"+slug, inside
		data.Paths = []string{pattern(inside) + "/**", pattern(file)}
	}
	return render("workflow.yml.tmpl", data)
}

// pattern makes text mean itself in a filter of a workflow.
func pattern(s string) string {
	var b strings.Builder
	for i, r := range s {
		if strings.ContainsRune(`*?+[]\`, r) || r == '!' && i == 0 {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Slug makes a name of letters, digits and hyphens, of at most 40 bytes; "" where
// text has neither letters nor digits.
func Slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == 40 {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// Source is where a GitOps controller finds an overlay.
type Source struct {
	Project string // a name as Slug makes one
	URL     string // as CleanURL returns it
	Branch  string
	Path    string // of the overlay in the repository
}

// Argo renders the Application of Argo CD.
func Argo(s Source) ([]byte, error) { return render("argocd.yaml.tmpl", s) }

// Flux renders the GitRepository and the Kustomization of Flux.
func Flux(s Source) ([]byte, error) {
	return render("flux.yaml.tmpl", struct {
		Source
		SSH    bool
		Folder string
	}{s, strings.HasPrefix(s.URL, "ssh://"), "./" + s.Path})
}
