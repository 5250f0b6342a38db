package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// This file owns the formats of compile and check.

// format writes the report of a run on stdout.
type format struct {
	name  string
	write func(io.Writer, *project, *compiler.Result) error
}

var formats = []format{
	{"text", writeText},
	{"json", func(w io.Writer, _ *project, r *compiler.Result) error { return report.JSON(w, r.Report()) }},
	{"sarif", func(w io.Writer, p *project, r *compiler.Result) error {
		return report.SARIF(w, r.Report(), report.Options{File: p.inRepository(), Line: p.line})
	}},
	{"html", func(w io.Writer, p *project, r *compiler.Result) error {
		return report.HTML(w, &report.Difference{Head: r.Report()}, report.Options{File: p.display, Line: p.line})
	}},
	{"github", func(w io.Writer, p *project, r *compiler.Result) error {
		return report.Annotations(w, r.Diags, report.Options{File: p.inRepository(), Line: p.line})
	}},
}

// formatNamed finds a format, and the names of all for whoever asked for another.
func formatNamed(name string) (found *format, known string) {
	var names []string
	for i := range formats {
		names = append(names, formats[i].name)
		if formats[i].name == name {
			found = &formats[i]
		}
	}
	last := len(names) - 1
	return found, strings.Join(names[:last], ", ") + " and " + names[last]
}

// writeText writes nothing where the input was rejected before a statement was
// known: the diagnostics say it all.
func writeText(w io.Writer, p *project, result *compiler.Result) error {
	r := result.Report()
	if !result.Clean && len(r.Intents) == 0 {
		return nil
	}
	return report.Text(w, r, report.Options{Color: colours(w), File: p.display, ReadOnly: p.opts.Disk.Root == nil})
}

// inRepository turns a position's file into a path relative to the root of the
// project's repository, slash-separated, as code scanning and annotations want
// it; where there is no repository, to the working folder. A file outside of it
// stays absolute.
func (p *project) inRepository() func(file string) string {
	root := repositoryRoot(resolved(p.dir))
	if root == "" {
		if wd, err := os.Getwd(); err == nil {
			root = resolved(wd)
		}
	}
	return func(file string) string {
		if file == "" {
			return ""
		}
		abs := filepath.FromSlash(file)
		if !filepath.IsAbs(abs) {
			abs = filepath.Join(p.dir, abs)
		}
		abs = filepath.Join(resolved(filepath.Dir(abs)), filepath.Base(abs))
		if rel, ok := within(root, abs); ok {
			return rel
		}
		return filepath.ToSlash(abs)
	}
}

// repositoryRoot is the nearest folder above dir that holds .git, which is a file
// in linked working trees and submodules; or "".
func repositoryRoot(dir string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// resolved follows symbolic links as far as there is something to follow.
func resolved(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}
