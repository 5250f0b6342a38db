package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// This file owns SARIF, the format in which code scanning takes findings. The
// structs of its JSON are in sarif_log.go.

const (
	// sarifSchema names the schema that the tests hold the output against.
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	home        = "https://github.com/kubeteus/kubeteus"
	sourceRoot  = "%SRCROOT%"

	// maxResults is how many results of one run code scanning takes.
	maxResults = 25_000
	// maxRelated is how many places of one result it keeps.
	maxRelated = 100
)

// SARIF writes the report's findings as a SARIF 2.1.0 log of one run. o.File has
// to map files to the repository's root, o.Line gives the lines without which a
// column is left out. There are no times and no versions in it: the same input
// gives the same log.
//
// Code scanning shows no result that lies nowhere: a finding that names no file of
// the repository is put at its intent, else at the first intent, else in
// kubeteus.yaml, and bears the property unplaced.
func SARIF(w io.Writer, r *Report, o Options) error {
	s := &sarif{Options: o, r: r, rules: map[diag.ID]int{}, seen: map[string]int{}}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{s.run()}}); err != nil {
		return fmt.Errorf("encoding the SARIF log: %w", err)
	}
	_, err := w.Write(visible(b.Bytes()))
	return err
}

// sarif is a log that is being made.
type sarif struct {
	Options
	r     *Report
	rules map[diag.ID]int // place in the list of rules
	seen  map[string]int  // how often a fingerprint came up
}

func (s *sarif) run() sarifRun {
	found, left := s.r.Diagnostics, 0
	if len(found) > maxResults {
		left = len(found) - maxResults
		found = weigh(found)[:maxResults]
	}
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "kubeteus", InformationURI: home, Rules: s.describe(found)}},
		ColumnKind: "utf16CodeUnits",
		Bases:      map[string]sarifBase{sourceRoot: {sarifText{Text: "the root of the repository"}}},
		Automation: sarifAutomation{ID: s.category()},
		Results:    make([]sarifResult, 0, len(found)),
	}
	for _, d := range found {
		run.Results = append(run.Results, s.result(d))
	}
	if left > 0 {
		text := fmt.Sprintf("%s left out: a log holds %d", plural(left, "finding"), maxResults)
		run.Invocations = []sarifInvocation{{Successful: true, Notifications: []sarifNotification{{Level: "warning", Message: sarifText{Text: text}}}}}
	}
	return run
}

// category keeps the logs of several projects in one repository apart: code
// scanning replaces a log by the next one of the same category.
func (s *sarif) category() string {
	id := "kubeteus/"
	for _, part := range []string{s.r.Project, s.r.Target} {
		if part != "" {
			id += uri(part) + "/"
		}
	}
	return id
}

// describe lists the rules of the findings, sorted by id.
func (s *sarif) describe(found []diag.Diagnostic) []sarifRule {
	var ids []diag.ID
	for _, d := range found {
		ids = append(ids, d.ID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rules := make([]sarifRule, 0, len(ids))
	for i, id := range ids {
		s.rules[id] = i
		help, family := id.Help(), familyOf(id)
		title := cmp.Or(help.Title, "A finding of a kind that this version does not know")
		text := cmp.Or(help.Text, title+".")
		rules = append(rules, sarifRule{
			ID: Escape(string(id)), Name: help.Name,
			Short: sarifText{Text: title}, Full: sarifText{Text: text},
			// The texts are this program's own and plain, so that they are Markdown as well.
			Help:    sarifHelp{Text: text, Markdown: text},
			HelpURI: home,
			Default: sarifLevel{help.Level.String()},
			Properties: sarifRuleProperties{
				Tags:      []string{"kubernetes", "network-policy", family.tag},
				Precision: family.precision,
				Severity:  map[diag.Severity]string{diag.Error: "error", diag.Warning: "warning", diag.Note: "recommendation"}[help.Level],
			},
		})
	}
	return rules
}

func (s *sarif) result(d diag.Diagnostic) sarifResult {
	intent := s.intent(d)
	place := s.locate(d.Pos, d.Message)
	out := sarifResult{
		Rule: Escape(string(d.ID)), Index: s.rules[d.ID], Level: d.Severity.String(),
		Message:      sarifText{Text: unlinked(findingText(d, place))},
		Fingerprints: map[string]string{"kubeteusFinding/v1": s.fingerprint(d, place)},
	}
	if place.File == "" {
		place = s.standIn(intent)
		out.Properties = &sarifResultProperties{Unplaced: true}
	}
	at := sarifLocation{Physical: physical(place)}
	if d.Intent != "" {
		logical := sarifLogical{Name: Escape(d.Intent), Kind: "intent"}
		if intent != nil {
			logical.Full = Escape(intent.Set + "/" + intent.Name)
		}
		at.Logical = []sarifLogical{logical}
	}
	out.Locations = []sarifLocation{at}
	for _, related := range d.Related[:min(len(d.Related), maxRelated)] {
		text := clip(flat(related.Message), maxFinding)
		there := s.locate(related.Pos, related.Message)
		if there.File == "" {
			continue
		}
		out.Related = append(out.Related, sarifLocation{ID: len(out.Related) + 1, Physical: physical(there), Message: &sarifText{Text: unlinked(text)}})
	}
	return out
}

// intent finds the intent that a finding is about, of two with one name the one
// in the finding's file.
func (s *sarif) intent(d diag.Diagnostic) *Intent {
	var found *Intent
	for i := range s.r.Intents {
		in := &s.r.Intents[i]
		if d.Intent != "" && in.Name == d.Intent && (found == nil || in.File == d.Pos.File && found.File != d.Pos.File) {
			found = in
		}
	}
	return found
}

// standIn is where a finding is put that has no place in the repository.
func (s *sarif) standIn(about *Intent) location {
	intents := s.r.Intents
	if about != nil {
		intents = []Intent{*about}
	}
	for _, in := range intents {
		if place := s.locate(diag.Position{File: in.File, Line: in.Line}, ""); place.File != "" {
			return place
		}
	}
	const config = "kubeteus.yaml"
	if place := s.locate(diag.Position{File: config, Line: 1}, ""); place.File != "" {
		return place
	}
	return location{File: config, Line: 1}
}

// fingerprint tells a finding from others without the line it is on, so that it
// stays the same one when lines are inserted above it. The same words twice in a
// file are counted.
func (s *sarif) fingerprint(d diag.Diagnostic, place location) string {
	file := cmp.Or(place.File, path.Base(d.Pos.File))
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", d.ID, file, d.Intent, d.Message))
	key := fmt.Sprintf("%x", sum[:16])
	s.seen[key]++
	return fmt.Sprintf("%s:%d", key, s.seen[key])
}

func physical(l location) *sarifPhysical {
	out := &sarifPhysical{Artifact: sarifArtifact{URI: uri(l.File), Base: sourceRoot}}
	if l.Line > 0 {
		out.Region = &sarifRegion{Line: l.Line, Column: l.Column, End: l.End}
	}
	return out
}

// unlinked takes embedded links out of a message: "[words](target)", which
// viewers make clickable, in plain text too.
func unlinked(s string) string { return strings.ReplaceAll(s, "](", `]\u{28}`) }

// uri writes a slash-separated path as a relative reference: whatever is not
// unreserved there (RFC 3986, 2.3) is percent-encoded, byte by byte.
func uri(file string) string {
	var b strings.Builder
	for i := range len(file) {
		switch c := file[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
