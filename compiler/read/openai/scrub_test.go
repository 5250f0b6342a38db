package openai

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

const testKey = "sk-proj-7Qd/Zx81+vT_0mKw-LrE93hB=sYc"

func escaped(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		fmt.Fprintf(&out, `\u%04x`, b)
	}
	return out.String()
}

// TestScrub: no form of the key passes, in an error or in an answer.
func TestScrub(t *testing.T) {
	s := newScrubber(testKey)
	basic := base64.StdEncoding
	texts := map[string]string{
		"plain":             testKey,
		"upper case":        strings.ToUpper(testKey),
		"base64":            basic.EncodeToString([]byte(testKey)),
		"base64 shifted":    basic.EncodeToString([]byte("x" + testKey + "y")),
		"base64 with user":  basic.EncodeToString([]byte("user:" + testKey)),
		"base64 of a line":  basic.EncodeToString([]byte("Bearer " + testKey + "\n")),
		"base64url":         base64.RawURLEncoding.EncodeToString([]byte("ab" + testKey)),
		"query":             url.QueryEscape(testKey),
		"path":              url.PathEscape(testKey),
		"percent":           strings.ReplaceAll(fmt.Sprintf("% x", testKey), " ", "%"),
		"hex":               hex.EncodeToString([]byte(testKey)),
		"HEX":               strings.ToUpper(hex.EncodeToString([]byte(testKey))),
		"within":            "you sent " + testKey + ", which is wrong",
		"first half":        testKey[:20] + "...",
		"second half":       "..." + testKey[18:],
		"twice":             testKey + testKey,
		"percent, all of %": "%" + strings.ReplaceAll(fmt.Sprintf("% X", testKey), " ", "%"),
	}
	for name, text := range texts {
		for kind, got := range map[string]string{"error": s.line(text), "answer": s.answer(`{"explanation":"` + text + `"}`)} {
			if !strings.Contains(got, hidden) {
				t.Errorf("%s in an %s: %s", name, kind, got)
			}
			for i := 0; i+20 <= len(text); i++ {
				if w := text[i : i+20]; strings.Contains(got, w) {
					t.Errorf("%s in an %s: %q is left in %s", name, kind, w, got)
					break
				}
			}
		}
	}
	for name, text := range map[string]string{
		"escapes":        escaped(testKey),
		"some escapes":   strings.ReplaceAll(testKey, "-", `\u002d`),
		"escaped slash":  strings.ReplaceAll(testKey, "/", `\/`),
		"capital digits": strings.ReplaceAll(escaped(testKey), `\u002d`, `\u002D`),
	} {
		if got := s.answer(`{"a":"` + text + `"}`); !strings.Contains(got, hidden) || strings.Contains(unescape(got), testKey[:16]) {
			t.Errorf("%s: %s", name, got)
		}
	}
	// Split by what nobody sees.
	for _, sep := range []string{"\x00", "\u200b", "\u202e", "\x1b", "\xff"} {
		if got := s.line(testKey[:15] + sep + testKey[15:]); strings.Contains(got, testKey[:15]) {
			t.Errorf("%q: %s", sep, got)
		}
	}
	// Cut by the cap on length.
	for n := range 60 {
		got := s.line(strings.Repeat("x", maxSaid-30+n) + testKey)
		if strings.Contains(got, testKey[:8]) || len(got) > maxSaid {
			t.Errorf("%d: %s", n, got)
		}
	}
}

// TestScrubLeaves: an answer without the key is not touched, whatever the key.
func TestScrubLeaves(t *testing.T) {
	answer := "{\n\t\"rules\": [{\"from\": \"ollama\", \"to\": \"redis-cart\\u002d\\/\"}],\n\"explanation\": \"l\u00e9gal \U0001F600 sk-proj-\"}"
	for _, key := range []string{"", "ollama", "EMPTY", "none", testKey} {
		if got := newScrubber(key).answer(answer); got != answer {
			t.Errorf("%q: %s", key, got)
		}
	}
	if got := newScrubber("ollama").line("you sent ollama"); got != "you sent "+hidden {
		t.Error(got)
	}
}

func TestLine(t *testing.T) {
	s := newScrubber("")
	for in, want := range map[string]string{
		"":                                    "",
		"  two\r\nlines\t ":                   "two lines",
		"\x1b[31mred\x1b[0m":                  "[31mred[0m",
		"a\u202eb\u2066c\u200bd\x00\x7f\xff!": "abcd!",
		"caf\u00e9 \u2028 x":                  "caf\u00e9 x",
	} {
		if got := s.line(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := s.line(strings.Repeat("\u00e9", 1000)); len(got) > maxSaid || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
		t.Errorf("%q", got)
	}
}

// FuzzScrub: whatever a server says around, before and after the key, it does
// not come through, and the text stays a line.
func FuzzScrub(f *testing.F) {
	f.Add("you sent ", " which is wrong", uint8(0))
	f.Add("sk-proj-", "\\u0041", uint8(3))
	f.Add(`{"a":"\`, `"}`, uint8(2))
	f.Add(strings.Repeat("\u00e9", 140), "", uint8(1))
	s := newScrubber(testKey)
	f.Fuzz(func(t *testing.T, before, after string, form uint8) {
		wrote := []string{testKey, hex.EncodeToString([]byte(testKey)), escaped(testKey), url.QueryEscape(testKey)}[form%4]
		text := before + wrote + after
		got := s.line(text)
		if len(got) > maxSaid || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00\x1b") {
			t.Errorf("%q", got)
		}
		if form%4 != 2 && strings.Contains(got, wrote[:16]) {
			t.Errorf("%q", got)
		}
		if answer := s.answer(text); strings.Contains(answer, testKey) || strings.Contains(unescape(answer), testKey) {
			t.Errorf("%q", answer)
		}
	})
}

// FuzzListen: no body of an error is too strange.
func FuzzListen(f *testing.F) {
	for _, body := range []string{
		`{"error":{"message":"m","param":"p","code":7,"type":"t","innererror":{"code":"c"}}}`, `{"error":"text"}`, `{"error":null}`, `{"error":[1]}`,
		`{"object":"error","message":["a","b"]}`, `{"detail":[{"loc":["body",0,{"x":1}],"msg":"m"}]}`, `{"detail":"d"}`, `null`, `[]`, `<html>`, "\xff",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := listen(nil, []byte(body))
		if len(s.message) > 4096 || len(s.words()) > 4*4096 {
			t.Errorf("%d bytes of %d", len(s.message), len(body))
		}
		dialect{}.after(&failure{status: 400, said: s})
	})
}
