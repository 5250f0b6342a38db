package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
)

// This file owns the HTML format: one page that holds all it needs and asks
// nobody for anything. What it says is gathered in html_view.go and its
// neighbours; how it looks and moves is in the folder html.
//
// Texts of the input reach the page through html/template, or as JSON in a data
// block that the script puts into the document as text. The page's own policy
// forbids every fetch, and every script and style but the two whose digests it
// names, so that a mistake in an escape would still run nothing.

//go:embed html
var assets embed.FS

// pageParts are the files of the page's style and script, in order.
var pageParts = struct{ styles, scripts []string }{
	styles:  []string{"base.css", "parts.css", "grid.css", "print.css"},
	scripts: []string{"page.js", "data.js", "grid.js", "graph.js"},
}

// HTML writes the difference, or the report where there is no base, as one
// self-contained page. The same difference gives the same bytes. Of Options,
// File bears on it.
func HTML(w io.Writer, d *Difference, o Options) error {
	f, err := loadFrame()
	if err != nil {
		return fmt.Errorf("the report's page: %w", err)
	}
	p := newPage(d, o)
	p.Style, p.Script, p.Policy = f.style, f.script, f.policy
	var b bytes.Buffer
	if err := f.template.ExecuteTemplate(&b, "page.tmpl", p); err != nil {
		return fmt.Errorf("the report's page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// pageFrame is what all pages have in common.
type pageFrame struct {
	template *template.Template
	style    template.CSS
	script   template.JS
	policy   string
}

// loadFrame reads the frame once.
var loadFrame = sync.OnceValues(func() (*pageFrame, error) {
	style, err := joinAssets(pageParts.styles)
	if err != nil {
		return nil, err
	}
	script, err := joinAssets(pageParts.scripts)
	if err != nil {
		return nil, err
	}
	script = "'use strict';\n(() => {\n" + script + "\n})();"
	t, err := template.New("page").Funcs(pageFuncs).ParseFS(assets, "html/*.tmpl")
	if err != nil {
		return nil, err
	}
	policy := "default-src 'none'; style-src '" + sourceDigest(style) + "'; script-src '" + sourceDigest(script) + "'; base-uri 'none'; form-action 'none'"
	return &pageFrame{t, template.CSS(style), template.JS(script), policy}, nil
})

func joinAssets(names []string) (string, error) {
	var all []string
	for _, name := range names {
		text, err := assets.ReadFile("html/" + name)
		if err != nil {
			return "", err
		}
		all = append(all, strings.TrimSpace(string(text)))
	}
	return strings.Join(all, "\n"), nil
}

// sourceDigest is the source expression of the page's policy for an inline text.
func sourceDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// pageFuncs are what the templates call.
var pageFuncs = template.FuncMap{
	"e":      Escape,
	"flat":   flat,
	"plural": plural,
	"ns":     func(party string) string { return Escape(namespace(party)) },
	"base":   func(party string) string { return Escape(strings.TrimPrefix(party, namespace(party)+"/")) },
	"few":    func(n int, l []string) []string { return l[:min(n, len(l))] },
	"rest":   func(n int, l []string) []string { return l[min(n, len(l)):] },
	"diff":   diffLines,
	"yaml":   yamlLines,
}
