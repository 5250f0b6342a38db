package forge

// The marker: an HTML comment in a comment's first line, which says whose it is.

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxText is what GitHub takes as a comment, in characters. A body may have
	// MaxText less Room; what is longer is refused before anything is sent.
	MaxText = 65536
	// Room is what the marker takes at most.
	Room = 536

	maxName    = 4096 // of a project or a target, in bytes
	maxEncoded = 120
)

// marker is what the first line of a comment says. Project and target are encoded.
type marker struct {
	project, target string
	digest          string
	run             Run
}

func markerOf(c Comment, body string) marker {
	sum := sha256.Sum256([]byte(body))
	return marker{encode(c.Project), encode(c.Target), hex.EncodeToString(sum[:16]), c.Run}
}

// prefix is what our comments begin with.
func (m marker) prefix() string {
	return fmt.Sprintf("<!-- kubeteus:comment project=%s target=%s ", m.project, m.target)
}

func (m marker) String() string {
	s := m.prefix() + "digest=" + m.digest
	if m.run.known() {
		s += fmt.Sprintf(" run=%d.%d", m.run.ID, m.run.Attempt)
	}
	return s + " -->"
}

// rest is a marker's line behind its prefix.
var rest = regexp.MustCompile(`^digest=([0-9a-f]{32})(?: run=([0-9]{1,18})\.([0-9]{1,6}))? -->$`)

// runOf reads which run wrote a comment that begins with m's prefix. A line that
// somebody edited says nothing.
func (m marker) runOf(text string) Run {
	line, _, _ := strings.Cut(text, "\n")
	found := rest.FindStringSubmatch(strings.TrimSuffix(strings.TrimPrefix(line, m.prefix()), "\r"))
	if found == nil || found[2] == "" {
		return Run{}
	}
	// Both fit: their digits are counted above.
	id, _ := strconv.ParseInt(found[2], 10, 64)
	attempt, _ := strconv.Atoi(found[3])
	return Run{id, attempt}
}

// encode writes a name so that it holds no space, closes no HTML comment, and
// differs from every other name's. Long ones become their digest.
func encode(name string) string {
	var b strings.Builder
	dash := false
	for i := range len(name) {
		ch := name[i]
		plain := ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || ch == '.' || ch == '/' || ch == '_'
		switch {
		case plain, ch == '-' && !dash:
			b.WriteByte(ch)
		default:
			fmt.Fprintf(&b, "%%%02X", ch)
		}
		dash = ch == '-'
	}
	if b.Len() <= maxEncoded {
		return b.String()
	}
	// A colon is never plain, so that no short name looks like this.
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// text is the whole comment.
func (c Comment) text() (string, marker, error) {
	body := c.Body
	if c.Quiet {
		body = c.Line
	}
	body = normal(body)
	m := markerOf(c, body)
	text := m.String() + "\n" + body
	switch {
	case c.Project == "" || len(c.Project) > maxName || len(c.Target) > maxName:
		return "", m, &Error{Class: Misuse, Message: "a comment needs a project's name, and one that is not longer than 4096 bytes"}
	case c.Run.ID < 0 || c.Run.ID > 1e18-1 || c.Run.Attempt < 0 || c.Run.Attempt > 999999:
		return "", m, &Error{Class: Misuse, Message: "the number of the run is none that a forge gives"}
	case body == "" || !utf8.ValidString(body) || strings.ContainsRune(body, 0):
		return "", m, &Error{Class: Misuse, Message: "the comment is empty, or is no text"}
	case utf8.RuneCountInString(text) > MaxText:
		return "", m, &Error{Class: Misuse, Message: fmt.Sprintf("the comment has %d characters, and %d are allowed", utf8.RuneCountInString(text), MaxText)}
	}
	return text, m, nil
}

// normal is a text as forges give it back: some store line ends as CRLF, some cut
// the space at the end.
func normal(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], "\r")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), " \t\n")
}

// same says whether a stored comment says what text says. Which run wrote it is
// nothing that it says.
func same(stored, text string) bool {
	return normal(withoutRun(stored)) == normal(withoutRun(text))
}

var runPart = regexp.MustCompile(`^(<!-- kubeteus:comment [^\n]*?) run=[0-9]+\.[0-9]+ -->`)

func withoutRun(s string) string { return runPart.ReplaceAllString(s, "$1 -->") }
