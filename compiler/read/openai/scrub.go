package openai

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How the key stays out of everything that is handed on.
//
// The client never writes the key anywhere but into a request's header. What
// remains is a server that says it back: carelessly, as servers do that quote
// the key they refuse, or on purpose, in an answer that ends in a lock file, a
// pull request or a log. So every text of a server is searched for the key in
// the forms in which it can be read again: as it is, in base64 at each of the
// three alignments, percent-encoded, in hexadecimal, and with JSON's escapes.
//
// Part of a key is worth hiding too: any run of a form as long as a window is
// replaced. In errors the window is 8 bytes, and a false hit there harms
// nobody. In answers it is 16, so that no name in a rule falls to it, and keys
// too short to be secret ("ollama", "EMPTY") are left alone. A server that
// means to give a key away can always invent another form; it has the key, and
// needs no help of ours.

const (
	hidden    = "[key]"
	errorRun  = 8
	answerRun = 16
	minKey    = 10 // shorter ones are placeholders
	maxSaid   = 300
)

// scrubber takes a key out of texts.
type scrubber struct {
	errors, answers []form
}

// form is one way to write the key, cut in windows of equal length.
type form struct {
	width   int
	windows map[string]bool
}

func newScrubber(key string) *scrubber {
	s := &scrubber{}
	if key == "" {
		return s
	}
	for _, f := range forms(key) {
		s.errors = append(s.errors, cut(f, errorRun))
		if len(key) >= minKey {
			s.answers = append(s.answers, cut(f, answerRun))
		}
	}
	return s
}

// forms are in lower case, as are the texts in which they are looked for.
func forms(key string) []string {
	var percent strings.Builder
	for _, b := range []byte(key) {
		fmt.Fprintf(&percent, "%%%02x", b)
	}
	out := []string{key, url.QueryEscape(key), url.PathEscape(key), percent.String(), hex.EncodeToString([]byte(key))}
	for shift := range 3 {
		// What comes before the key in the encoded text moves it by whole bytes:
		// the characters that hold bits of the neighbours are left out.
		padded := append(make([]byte, shift), key...)
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString(padded)
			text = text[(shift*8+5)/6 : len(padded)*8/6]
			if len(text) > 3 {
				out = append(out, text)
			}
		}
	}
	for i, f := range out {
		out[i] = lower(f)
	}
	return out
}

func cut(text string, width int) form {
	f := form{width: min(width, len(text)), windows: map[string]bool{}}
	for i := 0; i+f.width <= len(text); i++ {
		f.windows[text[i:i+f.width]] = true
	}
	return f
}

// replace writes [key] for every run that a window covers.
func replace(text string, fs []form) string {
	if len(fs) == 0 {
		return text
	}
	low := lower(text)
	end := 0 // of the run that is being hidden
	var out strings.Builder
	for i := range len(text) {
		for _, f := range fs {
			if i+f.width <= len(low) && f.windows[low[i:i+f.width]] {
				if end <= i {
					out.WriteString(hidden)
				}
				end = max(end, i+f.width)
			}
		}
		if end <= i {
			out.WriteByte(text[i])
		}
	}
	return out.String()
}

// line makes a text of a server fit for an error.
func (s *scrubber) line(text string) string {
	if len(text) > 16*maxSaid {
		text = text[:16*maxSaid]
	}
	text = replace(line(text), s.errors)
	if len(text) <= maxSaid {
		return text
	}
	n := maxSaid - len("...")
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "..."
}

// answer takes the key out of an answer's text, and leaves every other one as
// it is. Escapes count as what they stand for, since the text is decoded later.
func (s *scrubber) answer(text string) string {
	if plain := unescape(text); plain != text {
		if clean := replace(plain, s.answers); clean != plain {
			return clean
		}
	}
	return replace(text, s.answers)
}

// unescape resolves JSON's escapes of visible ASCII characters other than those
// that mean something in JSON.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		if b, err := hex.DecodeString(hexOf(text[i:])); err == nil && len(b) == 2 && b[0] == 0 && b[1] > ' ' && b[1] < 0x7f && b[1] != '"' && b[1] != '\\' {
			out.WriteByte(b[1])
			i += 5
			continue
		}
		if text[i+1] != '/' {
			out.WriteByte('\\')
		}
		out.WriteByte(text[i+1])
		i++
	}
	return out.String()
}

// hexOf returns the digits of a \u escape at the start of the text.
func hexOf(text string) string {
	if len(text) < 6 || text[1] != 'u' {
		return ""
	}
	return text[2:6]
}

// lower lowers ASCII letters and nothing else, so that lengths stay equal.
func lower(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// line makes one line of a text: white space is a space, and characters that
// nobody sees, that steer a terminal or that turn the direction are left out.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
