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
	style, script, err := pageAssets()
	if err != nil {
		return err
	}
	t, err := template.New("page").Funcs(pageFuncs).ParseFS(assets, "html/*.tmpl")
	if err != nil {
		return fmt.Errorf("the report's page: %w", err)
	}
	p := newPage(d, o)
	p.Style, p.Script = template.CSS(style), template.JS(script)
	p.Policy = "default-src 'none'; style-src '" + sourceDigest(style) + "'; script-src '" + sourceDigest(script) + "'; base-uri 'none'; form-action 'none'"
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page.tmpl", p); err != nil {
		return fmt.Errorf("the report's page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// pageAssets returns the page's one style and one script.
func pageAssets() (style, script string, err error) {
	join := func(names []string) string {
		var all []string
		for _, name := range names {
			text, readErr := assets.ReadFile("html/" + name)
			if readErr != nil {
				err = fmt.Errorf("the report's page: %w", readErr)
			}
			all = append(all, strings.TrimSpace(string(text)))
		}
		return strings.Join(all, "\n")
	}
	style = join(pageParts.styles)
	return style, "'use strict';\n(() => {\n" + join(pageParts.scripts) + "\n})();", err
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
