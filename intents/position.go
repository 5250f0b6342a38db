package intents

import (
	"bytes"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A reader finds words at byte offsets of a statement; a person needs the line
// and column of the file. YAML stands between the two: it folds lines, drops
// indentation, doubles quotes and knows escapes, and the parser says only where
// a scalar begins. So the scalar is scanned a second time here, from its first
// byte, by the rules of its style, and every byte that the scan yields is put
// down with the offset that it came from:
//
//   - Plain and quoted scalars: a run of blanks with n line breaks in it yields a
//     space if n is 1, else n-1 newlines. A backslash before the first break
//     makes that break yield nothing.
//   - Block scalars: each line without its indentation; folded ones join lines
//     unless one of them begins with a blank.
//
// The value that the parser gave decides: a scan that yields other bytes is
// thrown away, and the caller falls back to the scalar's first byte. The scan
// therefore never has to guess where a plain scalar ends or how far a block is
// indented: it stops when it has the whole value, and tries indentations.

// scan collects the bytes of a scalar's value with their offsets in the text.
type scan struct {
	text []byte
	pos  int
	want string // the value, from the parser
	from []int  // from[i] is the offset of want[i]
	lost bool   // the text yields something else than want
}

func (s *scan) yield(b string, from int) {
	if s.lost = s.lost || !strings.HasPrefix(s.want[len(s.from):], b); s.lost {
		return
	}
	for range len(b) {
		s.from = append(s.from, from)
	}
}

// more says whether there is something left to scan.
func (s *scan) more() bool {
	return !s.lost && len(s.from) < len(s.want) && s.pos < len(s.text)
}

// offsets returns, for each byte of n's value, its offset in the text, and one
// more for the end; nil if the text cannot be followed.
func (s *source) offsets(n *yaml.Node) []int {
	start := s.offset(n)
	if n.Kind != yaml.ScalarNode || n.Value == "" || start >= len(s.text) {
		return nil
	}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return blockOffsets(s.text, start, n.Value, n.Style&yaml.FoldedStyle != 0)
	}
	sc := scan{text: s.text, pos: start, want: n.Value}
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		sc.pos++
		sc.flow('\'')
	case n.Style&yaml.DoubleQuotedStyle != 0:
		sc.pos++
		sc.flow('"')
	default:
		sc.flow(0)
	}
	return sc.result()
}

func (s *scan) result() []int {
	if s.lost || len(s.from) != len(s.want) {
		return nil
	}
	return append(s.from, min(s.from[len(s.from)-1]+1, len(s.text)))
}

// flow scans a plain or quoted scalar.
func (s *scan) flow(quote byte) {
	for s.more() {
		switch c := s.text[s.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			s.blanks(" ")
		case quote == '\'' && c == quote:
			s.yield("'", s.pos)
			s.pos += 2
		case quote == '"' && c == '\\':
			s.escape()
		default:
			s.yield(string(s.text[s.pos:s.pos+1]), s.pos)
			s.pos++
		}
	}
}

// blanks scans a run of blanks and breaks; a lone break yields joint.
func (s *scan) blanks(joint string) {
	start, breaks, last := s.pos, 0, s.pos
	for ; s.pos < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.pos]) >= 0; s.pos++ {
		if s.text[s.pos] == '\n' {
			breaks++
			last = s.pos
		}
	}
	switch {
	case breaks == 0:
		for i := start; i < s.pos; i++ {
			s.yield(string(s.text[i:i+1]), i)
		}
	case breaks == 1:
		s.yield(joint, last)
	default:
		s.yield(strings.Repeat("\n", breaks-1), last)
	}
}

// escaped maps the letter of an escape to what it yields.
var escaped = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': "\"", '\'': "'", '/': "/", '\\': "\\", 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// digits maps the letter of a numeric escape to its length.
var digits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// escape scans a backslash and what it stands before.
func (s *scan) escape() {
	start := s.pos
	if s.pos += 2; s.pos > len(s.text) {
		s.lost = true
		return
	}
	letter := s.text[start+1]
	switch n := digits[letter]; {
	case letter == '\n' || letter == '\r':
		s.pos--
		s.blanks("")
	case n > 0:
		code, err := strconv.ParseUint(string(s.text[s.pos:min(s.pos+n, len(s.text))]), 16, 32)
		s.lost = s.lost || err != nil
		s.yield(string(rune(code)), start)
		s.pos += n
	default:
		v, ok := escaped[letter]
		s.lost = s.lost || !ok
		s.yield(v, start)
	}
}

// blockOffsets is offsets for a literal or folded scalar whose indicator is at
// start.
func blockOffsets(text []byte, start int, want string, folded bool) []int {
	head := bytes.IndexByte(text[start:], '\n')
	if head < 0 {
		return nil
	}
	body := start + head + 1
	deepest := 1
	for at := body; at < len(text); {
		line := text[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end+1]
		}
		at += len(line)
		indent := len(line) - len(bytes.TrimLeft(line, " "))
		deepest = max(deepest, indent)
		if len(bytes.TrimSpace(line)) > 0 {
			break // no block is indented further than its first line of text
		}
	}
	s := scan{text: text, pos: body, want: want}
	s.block(deepest, folded)
	out := s.result()
	// Where the header names an indentation, lines may begin with more blanks.
	for indent := min(deepest, maxIndent); out == nil && indent > 0; indent-- {
		s := scan{text: text, pos: body, want: want}
		s.block(indent, folded)
		out = s.result()
	}
	return out
}

const maxIndent = 80 // of a block scalar whose header names the indentation

// block scans the lines of a block scalar. Breaks are held back until the next
// line of text shows what they yield, or until the end, where the value decides
// how many are kept.
func (s *scan) block(indent int, folded bool) {
	var breaks []int // offsets of breaks held back
	text, deeper := false, false
	for s.more() {
		line, next := s.text[s.pos:], len(s.text)
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line, next = line[:end], s.pos+end+1
		}
		end := s.pos + len(line)
		line = bytes.TrimSuffix(line, []byte("\r"))
		spaces := len(line) - len(bytes.TrimLeft(line, " "))
		switch {
		case spaces == len(line) && spaces <= indent: // blank
		case spaces < indent:
			s.pos = len(s.text)
			continue
		default:
			line = line[indent:]
			more := line[0] == ' ' || line[0] == '\t'
			s.join(breaks, folded && text && !deeper && !more)
			breaks, text, deeper = nil, true, more
			for i := range line {
				s.yield(string(line[i:i+1]), s.pos+indent+i)
			}
		}
		breaks = append(breaks, end)
		s.pos = next
	}
	for _, at := range breaks[:min(len(breaks), len(s.want)-len(s.from))] {
		s.yield("\n", at)
	}
}

// join yields the breaks between two lines of text.
func (s *scan) join(breaks []int, fold bool) {
	if fold && len(breaks) == 1 {
		s.yield(" ", breaks[0])
		return
	}
	if fold {
		breaks = breaks[1:]
	}
	for _, at := range breaks {
		s.yield("\n", at)
	}
}
