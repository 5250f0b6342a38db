package forge

// What goes wrong, by class, and what a server's own words become.

import (
	"fmt"
	"strings"
	"unicode"
)

// Class says what kind of failure an Error is.
type Class string

const (
	NoToken     Class = "no token"
	Misuse      Class = "misuse"       // options, names or bodies that cannot be right
	NotPull     Class = "not a pull"   // the event is about no pull request, or no open one
	BadEvent    Class = "bad event"    // the event file is not what GitHub writes
	BadToken    Class = "bad token"    // 401
	Permission  Class = "permission"   // the token may not
	ReadOnly    Class = "read-only"    // it may not because the pull request comes from a fork, or from Dependabot
	NotFound    Class = "not found"    // or the token cannot see it
	Closed      Class = "closed"       // the pull request is closed or merged
	Locked      Class = "locked"       // the conversation is locked, or the repository archived
	Refused     Class = "refused"      // by other rules of the forge
	RateLimited Class = "rate limited" // for longer than is waited
	Unavailable Class = "unavailable"  // the forge or the network, after retries
	BadAnswer   Class = "bad answer"   // the forge does not speak the API
	Unsettled   Class = "unsettled"    // other runs kept changing the comment
)

// Error is a failure with a class. Message and Hint hold no token and no control
// characters. Hint may be empty.
type Error struct {
	Class   Class
	Message string
	Hint    string
}

func (e *Error) Error() string { return e.Message }

// Misused says whether the caller can mend it by calling differently, so that a
// command exits with 2 and not with 1.
func (e *Error) Misused() bool {
	return e.Class == NoToken || e.Class == Misuse || e.Class == NotPull
}

const maxSaid = 200

// clean makes a stranger's text fit for a message: one line of printable
// characters, and not too long.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxSaid {
		s = string(r[:maxSaid]) + "..."
	}
	return strings.TrimSpace(s)
}

// said is what the forge says, behind a colon. A text that holds a part of the
// token is left out altogether.
func (c *Client) said(message string) string {
	const run = 8
	lower, token := strings.ToLower(message), strings.ToLower(c.token)
	if len(token) < run && strings.Contains(lower, token) {
		return ""
	}
	for i := 0; i+run <= len(token); i++ {
		if strings.Contains(lower, token[i:i+run]) {
			return ""
		}
	}
	if message = clean(message); message == "" {
		return ""
	}
	return fmt.Sprintf(": it says %q", message)
}
