package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// How one document is found in a text.
//
// Servers that take no schema return what the model says: a document in a fence,
// after reasoning, between two sentences. Reasoning that is marked as such at the
// start of the text is cut off, drafts and all. In the rest, every run from a brace
// to the one that closes it is looked at. A run that is no JSON and does not speak
// of an outcome or of rules is prose; one that does is a broken answer. There must
// be one answer and no more, whole or broken: taking the first, or the last, would
// leave it to chance which of two meanings becomes a policy.

const (
	maxText     = 256 << 10 // bytes of an answer with its reasoning
	maxDocument = 64 << 10
	maxDepth    = 12
	maxKeys     = 64
	maxBraces   = 256 // runs looked at: each costs a scan of up to maxDocument
)

// thoughts are the tags that mark reasoning.
var thoughts = []string{"think", "thinking", "thought", "reasoning"}

// withoutReasoning cuts off reasoning that opens the text.
func withoutReasoning(text string) (string, error) {
	trimmed := strings.TrimSpace(text)
	for _, tag := range thoughts {
		rest, ok := strings.CutPrefix(trimmed, "<"+tag+">")
		if !ok {
			continue
		}
		_, after, closed := strings.Cut(rest, "</"+tag+">")
		if !closed {
			return "", fmt.Errorf("the reasoning does not end: there is no answer after <%s>", tag)
		}
		return after, nil
	}
	return trimmed, nil
}

// document returns the one answer in a text.
func document(text string) (node, error) {
	if len(text) > maxText {
		return node{}, fmt.Errorf("the answer has %d bytes; %d are read", len(text), maxText)
	}
	text, err := withoutReasoning(text)
	if err != nil {
		return node{}, err
	}
	var found []node
	var broken error
	tried := 0
	for i := strings.IndexByte(text, '{'); i >= 0; {
		if tried++; tried > maxBraces {
			return node{}, errors.New("the answer has too many braces: return one JSON document and nothing else")
		}
		end := closing(text[i:min(len(text), i+maxDocument)])
		run := text[i:]
		if end > 0 {
			run = text[i : i+end]
		}
		n, err := parse(run)
		next := i + len(run)
		switch {
		case end == 0 && speaksOfAnswer(run):
			return node{}, fmt.Errorf("the JSON document is cut off, or longer than %d bytes", maxDocument)
		case end == 0:
			next = i + 1
		case err == nil && n.isAnswer():
			found = append(found, n)
		case err == nil && speaksOfAnswer(run):
			broken = errors.New("the answer is wrapped in another object: return it by itself")
			found = append(found, n)
		case err != nil && speaksOfAnswer(run):
			broken = fmt.Errorf("the JSON document cannot be read: %w", err)
			found = append(found, n)
		case err != nil:
			next = i + 1
		}
		k := strings.IndexByte(text[next:], '{')
		if k < 0 {
			break
		}
		i = next + k
	}
	switch {
	case len(found) == 0:
		return node{}, errors.New("there is no answer in it: return one JSON document as the schema says")
	case len(found) > 1:
		return node{}, fmt.Errorf("there are %d answers in it: return one JSON document and nothing else", len(found))
	}
	return found[0], broken
}

func speaksOfAnswer(s string) bool {
	return strings.Contains(s, `"outcome"`) || strings.Contains(s, `"rules"`)
}

// closing returns the length of the run from the brace that opens s to the one
// that closes it, or 0.
func closing(s string) int {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// node is a JSON value whose objects keep their keys as they were written. Package
// encoding/json would match keys in any case, and let the last of two twins win.
type node struct {
	kind   nodeKind
	text   string // of a string
	yes    bool   // of a boolean
	items  []node // of an array, or the values of an object
	keys   []string
	absent bool // no such key
}

type nodeKind string

const (
	isNull   nodeKind = "null"
	isBool   nodeKind = "a boolean"
	isNumber nodeKind = "a number"
	isString nodeKind = "a string"
	isArray  nodeKind = "a list"
	isObject nodeKind = "an object"
)

func (n node) isAnswer() bool {
	return n.kind == isObject && (slices.Contains(n.keys, "outcome") || slices.Contains(n.keys, "rules"))
}

// get returns the value of a key; null if there is none.
func (n node) get(key string) node {
	if i := slices.Index(n.keys, key); i >= 0 {
		return n.items[i]
	}
	return node{kind: isNull, absent: true}
}

// parse reads exactly one JSON value.
func parse(s string) (node, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(s)))
	d.UseNumber()
	n, err := value(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return node{}, errors.New("something follows the value")
	}
	return n, nil
}

func value(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t := t.(type) {
	case bool:
		return node{kind: isBool, yes: t}, nil
	case json.Number:
		return node{kind: isNumber}, nil
	case string:
		return node{kind: isString, text: t}, nil
	case json.Delim:
		if t == '{' {
			return object(d, depth)
		}
		n := node{kind: isArray}
		for d.More() {
			item, err := value(d, depth+1)
			if err != nil {
				return node{}, err
			}
			n.items = append(n.items, item)
		}
		_, err := d.Token()
		return n, err
	default:
		return node{kind: isNull}, nil
	}
}

func object(d *json.Decoder, depth int) (node, error) {
	n := node{kind: isObject}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return node{}, err
		}
		key, _ := t.(string) // the decoder takes nothing else for a key
		if len(n.keys) == maxKeys {
			return node{}, fmt.Errorf("an object has more than %d keys", maxKeys)
		}
		if slices.Contains(n.keys, key) {
			return node{}, fmt.Errorf("the key %q stands twice in one object", cut(key, 80))
		}
		item, err := value(d, depth+1)
		if err != nil {
			return node{}, err
		}
		n.keys, n.items = append(n.keys, key), append(n.items, item)
	}
	_, err := d.Token()
	return n, err
}
