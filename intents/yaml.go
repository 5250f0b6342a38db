package intents

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// document returns the root node of the file's only document, nil if the file
// holds none.
func (s *source) document() (*yaml.Node, diag.List) {
	documents, err := decode(s.text)
	if err != nil {
		return nil, diag.List{diag.Errorf(diag.IntentSyntax, s.syntaxError(), "not YAML: %s", yamlMessage(err)).
			Hint("`kubeteus schema` prints the format of an intent set")}
	}
	if len(documents) == 0 {
		return nil, nil
	}
	if len(documents) > 1 {
		at := s.at(documents[1])
		return nil, diag.List{diag.Errorf(diag.IntentSyntax, at, "a second YAML document: a file holds one intent set").
			Relate(s.at(documents[0]), "the first document").
			Hint("move it into a file of its own")}
	}
	return documents[0].Content[0], nil
}

// decode returns the document nodes of text.
func decode(text []byte) ([]*yaml.Node, error) {
	var out []*yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, &n)
	}
}

var yamlPrefix = regexp.MustCompile(`^yaml: (line \d+: )?`)

func yamlMessage(err error) string { return yamlPrefix.ReplaceAllString(err.Error(), "") }

// syntaxError finds where text stops being YAML. The parser names a line at
// best, and often that of the enclosing mapping, so the text itself is asked:
// the place is the end of the longest beginning of it that parses. Beginnings
// that end inside of quotes or brackets do not parse either, although a longer
// one does; so after a bisection the lines that follow are tried too.
func (s *source) syntaxError() diag.Position {
	budget := 64 * maxSize // bytes parsed in all
	parses := func(n int) bool {
		if budget -= n; budget < 0 {
			return false
		}
		_, err := decode(s.text[:n])
		return err == nil
	}
	good, bad := 0, len(s.lines) // numbers of whole lines
	for bad-good > 1 {
		if middle := (good + bad) / 2; parses(s.lines[middle]) {
			good = middle
		} else {
			bad = middle
		}
		if bad-good > 1 {
			continue
		}
		for n := good + 2; n < min(good+lookahead, len(s.lines)); n++ {
			if parses(s.lines[n]) {
				good, bad = n, len(s.lines)
				break
			}
		}
	}
	start, end := s.lines[good], len(s.text)
	if good+1 < len(s.lines) {
		end = s.lines[good+1]
	}
	for at := min(end, start+lineLimit) - 1; at > start; at-- {
		if parses(at) {
			return s.position(at)
		}
	}
	return s.position(start)
}

const (
	lookahead = 64   // lines that a quoted scalar or a flow list may span
	lineLimit = 1000 // bytes of a line that are looked at
)
