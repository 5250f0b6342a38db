package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// This file writes a review down: as files that an artifact keeps, and into the
// files that GitHub Actions names in the environment (documented under "Workflow
// commands": each step appends to GITHUB_OUTPUT and GITHUB_STEP_SUMMARY).

const (
	// maxSummary is below what a step's summary may have, 1 MiB, which other
	// commands of the step share.
	maxSummary = 1<<20 - 64<<10
	// maxComment is below the 65,536 characters that a comment may have.
	maxComment = 65_000
)

// reportFiles are what review writes into --reports.
func reportFiles(p *project, d *report.Difference, r *compiler.Result) (map[string][]byte, error) {
	files := map[string][]byte{}
	place := p.inRepository()
	head := *d.Head
	head.Diagnostics = slices.Concat(head.Diagnostics, r.Outdated())
	whole := report.Options{File: place, Line: p.line}
	for name, write := range map[string]func(io.Writer) error{
		"report.json":    func(w io.Writer) error { return report.DiffJSON(w, d) },
		"report.md":      func(w io.Writer) error { return report.Markdown(w, d, report.MarkdownOptions{File: place}) },
		"report.html":    func(w io.Writer) error { return report.HTML(w, d, whole) },
		"kubeteus.sarif": func(w io.Writer) error { return report.SARIF(w, &head, whole) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
		files[name] = b.Bytes()
	}
	mend, err := patch(p, r)
	if err != nil {
		return nil, err
	}
	if mend != "" {
		files[patchName] = []byte(mend)
	}
	return files, nil
}

const patchName = "kubeteus.patch"

// writeFiles writes files into a folder, which is made if it is not there, each by
// rename. A patch of an earlier run does not stay.
func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, stale := files[patchName]; !stale {
		if err := root.Remove(patchName); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for name, data := range files {
		const half = ".kubeteus-new"
		if err := root.WriteFile(name+half, data, 0o644); err != nil {
			return err
		}
		if err := root.Rename(name+half, name); err != nil {
			return errors.Join(err, root.Remove(name+half))
		}
	}
	return nil
}

// appendTo appends to a file that the environment names, if it does.
func appendTo(variable string, data []byte) error {
	name := os.Getenv(variable)
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	_, err = f.Write(data)
	return cmp.Or(err, f.Close())
}

// outputs sets outputs of the step: names and values by turns. A value with a line
// break would set another output, too.
func outputs(pairs ...string) error {
	var b bytes.Buffer
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.ContainsAny(pairs[i+1], "\r\n") {
			return fmt.Errorf("output %s would have two lines: %q", pairs[i], pairs[i+1])
		}
		fmt.Fprintf(&b, "%s=%s\n", pairs[i], pairs[i+1])
	}
	return appendTo("GITHUB_OUTPUT", b.Bytes())
}
