package model

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf16"

	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// PromptVersion is the version of prompt.md, the schema and the shape of answers.
const PromptVersion = "1"

//go:embed prompt.md
var promptText string

// The two turns of prompt.md. A template that is embedded and does not parse would
// fail every test and the program's start.
var prompt = template.Must(template.New("prompt.md").Parse(promptText))

// inventoryDoc is the shortlist as a model sees it: names, labels and ports, and
// nothing else that is known of a workload.
type inventoryDoc struct {
	Namespaces      []namespaceDoc `json:"namespaces"`
	Workloads       []workloadDoc  `json:"workloads"`
	Ports           []string       `json:"ports"`
	PodLabels       []string       `json:"pod_labels"`
	NamespaceLabels []string       `json:"namespace_labels"`
	CIDRs           []string       `json:"cidrs"`
	Domains         []string       `json:"domains"`
	ServiceAccounts []string       `json:"service_accounts"`
}

type namespaceDoc struct {
	Name   string   `json:"name"`
	Labels []string `json:"labels,omitempty"`
}

type workloadDoc struct {
	Name     string   `json:"name"`
	Labels   []string `json:"labels,omitempty"`
	Ports    []string `json:"ports,omitempty"`
	Services []string `json:"services,omitempty"`
}

type questionDoc struct {
	Namespace *string      `json:"namespace"`
	Statement string       `json:"statement"`
	Inventory inventoryDoc `json:"inventory"`
}

// Prompt renders the question that a shortlist asks: a system turn that is the same
// for every statement, and one user turn that is one JSON document.
func Prompt(s *names.Shortlist) chat.Request {
	return chat.Request{
		Messages: []chat.Message{
			{Role: "system", Content: turn("system", nil)},
			{Role: "user", Content: turn("user", string(question(s)))},
		},
		SchemaName: schemaName,
		Schema:     schema(s),
	}
}

// turn renders one turn of prompt.md. Data are printed as they are and never read
// as a template.
func turn(name string, data any) string {
	var b strings.Builder
	if err := prompt.ExecuteTemplate(&b, name, data); err != nil {
		return "" // a strings.Builder takes every write, and the turns only print a string
	}
	return strings.TrimSpace(b.String())
}

// question encodes a shortlist.
func question(s *names.Shortlist) []byte {
	q := questionDoc{Statement: s.Statement, Inventory: inventoryDoc{
		Namespaces: []namespaceDoc{}, Workloads: []workloadDoc{}, Ports: notNil(portChoices(s)), PodLabels: notNil(s.Labels),
		NamespaceLabels: notNil(s.NamespaceLabels), CIDRs: notNil(s.CIDRs), Domains: notNil(s.Domains), ServiceAccounts: notNil(s.ServiceAccounts),
	}}
	if s.Namespace != "" {
		q.Namespace = &s.Namespace
	}
	for _, n := range s.Namespaces {
		q.Inventory.Namespaces = append(q.Inventory.Namespaces, namespaceDoc{n.Name, n.Labels})
	}
	for _, w := range s.Workloads {
		q.Inventory.Workloads = append(q.Inventory.Workloads, workloadDoc{w.Ref(), w.Labels, w.Ports, w.Services})
	}
	out, err := encode(q)
	if err != nil {
		return nil // strings and lists of them always encode
	}
	return printable(out)
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// hidden says whether a rune prints as nothing or moves what is beside it.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)
}

// escape writes a rune as JSON escapes.
func escape(r rune) string {
	if r > 0xFFFF {
		a, b := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, a, b)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// specimen is a shortlist that has something of every kind, so that every part of
// the schema and of the question bears on the digest.
var specimen = names.Shortlist{
	Statement: "statement", Namespace: "a",
	Namespaces: []names.ShortNamespace{{Name: "a", Labels: []string{"k=v"}}},
	Workloads:  []names.ShortWorkload{{Namespace: "a", Name: "b", Kind: "Deployment", Labels: []string{"k=v"}, Ports: []string{"80/TCP"}, Services: []string{"b 80/TCP"}}},
	Ports:      []string{"80"}, Protocols: []string{"TCP"}, Labels: []string{"k=v"}, NamespaceLabels: []string{"k=v"},
	CIDRs: []string{"10.0.0.0/8"}, Domains: []string{"example.com"}, ServiceAccounts: []string{"a/b"},
}

// Digest names the prompt: its version, its template, and how questions and schemas
// are built. Locks record it.
func Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", PromptVersion, promptText)
	r := Prompt(&specimen)
	for _, m := range r.Messages {
		fmt.Fprintf(h, "%s\n%s\n", m.Role, m.Content)
	}
	h.Write(r.Schema)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// maxQuoted is how much of a refused answer is shown to the model that gave it.
const maxQuoted = 8 << 10

// Feedback returns the turns that send an answer back with what is wrong with it.
// The problems are data: names in them are the inventory's and the model's.
func Feedback(answer string, problems []Problem) []chat.Message {
	list := make([]string, 0, len(problems))
	for _, p := range problems {
		list = append(list, cut(p.Message, maxProse))
	}
	doc, err := encode(struct {
		Problems []string `json:"problems"`
	}{list})
	if err != nil {
		return nil // strings always encode
	}
	if rest, err := withoutReasoning(answer); err == nil {
		answer = strings.TrimSpace(rest)
	}
	if answer == "" {
		answer = "(nothing)" // servers refuse a turn without content
	}
	return []chat.Message{
		{Role: "assistant", Content: cut(answer, maxQuoted)},
		{Role: "user", Content: turn("feedback", string(printable(doc)))},
	}
}
