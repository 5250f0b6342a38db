package intents

import (
	"bytes"
	"fmt"
	"sort"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
)

// maxSize bounds an intent set file. A thousand long statements are a tenth of it.
const maxSize = 1 << 20

// source is a file's text and where its lines begin.
type source struct {
	path  string
	text  []byte
	lines []int // offset of each line's first byte

	runes map[int][]int // offsets of a line's characters, of lines asked for
}

func newSource(path string, text []byte) *source {
	s := &source{path: path, text: text, lines: []int{0}, runes: map[int][]int{}}
	for i, b := range text {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// position of the byte at offset.
func (s *source) position(offset int) diag.Position {
	line := sort.SearchInts(s.lines, offset+1)
	return diag.Position{File: s.path, Line: line, Column: offset - s.lines[line-1] + 1}
}

// offset of a node's first byte. yaml counts columns in characters.
func (s *source) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(s.lines) || n.Column < 1 {
		return 0
	}
	runes := s.line(n.Line - 1)
	return runes[min(n.Column, len(runes))-1]
}

// line returns the offset of each character of a line, and that of its end.
func (s *source) line(index int) []int {
	if runes := s.runes[index]; runes != nil {
		return runes
	}
	start, end := s.lines[index], len(s.text)
	if index+1 < len(s.lines) {
		end = s.lines[index+1] - 1
	}
	var runes []int
	for i := range string(s.text[start:end]) {
		runes = append(runes, start+i)
	}
	runes = append(runes, end)
	s.runes[index] = runes
	return runes
}

// at is the position of a node's first byte.
func (s *source) at(n *yaml.Node) diag.Position { return s.position(s.offset(n)) }

// refused says what makes text of an untrusted file unfit to be shown or read:
// a character that a person does not see, or that reorders what they see. Only
// the joiners that some scripts need are let through.
func refused(r rune) string {
	switch {
	case r == '\n' || r == '\t' || r == '\u200c' || r == '\u200d':
		return ""
	case unicode.Is(unicode.Bidi_Control, r):
		return "bidirectional control character"
	case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
		return "control character"
	case unicode.Is(unicode.Cf, r):
		return "invisible character"
	}
	return ""
}

// check looks at the raw text: its size, its encoding, its characters. Comments
// are held to the same rules, since people review them.
func (s *source) check() diag.List {
	start := diag.Position{File: s.path, Line: 1, Column: 1}
	if len(s.text) > maxSize {
		return diag.List{diag.Errorf(diag.IntentText, start, "file of %d bytes: an intent set has at most %d", len(s.text), maxSize).
			Hint("split it into several files; those with the same metadata.name are one set")}
	}
	if i := bytes.IndexByte(s.text, 0); i >= 0 {
		return diag.List{diag.Errorf(diag.IntentText, s.position(i), "binary file: it holds a zero byte").
			Hint("save it as UTF-8 text, or move it out of the intents folder")}
	}
	var out diag.List
	for i := 0; i < len(s.text); {
		r, size := utf8.DecodeRune(s.text[i:])
		if r == utf8.RuneError && size == 1 {
			return append(out, diag.Errorf(diag.IntentText, s.position(i), "byte 0x%02x is not UTF-8", s.text[i]).
				Hint("save the file as UTF-8 text"))
		}
		crlf := r == '\r' && bytes.HasPrefix(s.text[i:], []byte("\r\n"))
		if what := refused(r); what != "" && !crlf {
			out = append(out, refusal(s.position(i), what, r))
			if len(out) == maxRefusals {
				return out
			}
		}
		i += size
	}
	return out
}

const maxRefusals = 20 // of one file; more tell nobody more

func refusal(at diag.Position, what string, r rune) diag.Diagnostic {
	return diag.Errorf(diag.IntentText, at, "%s %s", what, fmt.Sprintf("%U", r)).Hint("remove it")
}
