package forge

// Refusals: what a forge will not do however often it is asked.

import (
	"fmt"
	"net/http"
	"strings"
)

const grant = "give the job permissions: pull-requests: write; a token of your own needs read and write access to pull requests " +
	"(a classic token the scope repo or public_repo, one of Gitea write:issue and read:repository)"

const forkHint = "comment from a workflow on workflow_run, which has a token of the base: .github/action/examples/comment.yml is one"

func (j *job) refusal(doing string, status int, message string) *Error {
	said, lower := j.said(message), strings.ToLower(message)
	e := &Error{Class: Refused, Message: fmt.Sprintf("%s: %s answers %d%s", doing, j.host, status, said)}
	switch status {
	case http.StatusUnauthorized:
		e.Class, e.Message = BadToken, fmt.Sprintf("%s: %s does not know the token%s", doing, j.host, said)
		e.Hint = "the token is wrong, expired or revoked; in a workflow give ${{ github.token }}"
	case http.StatusForbidden:
		switch {
		case strings.Contains(lower, "archived"):
			e.Class, e.Message = Locked, fmt.Sprintf("%s: the repository is archived", doing)
		case strings.Contains(strings.ReplaceAll(lower, "blocked", ""), "locked"):
			e.Class, e.Message = Locked, fmt.Sprintf("%s: the conversation is locked", doing)
			e.Hint = "unlock the conversation, or turn the comment off"
		case strings.Contains(lower, "user agent") || strings.Contains(lower, "ip allow list") || strings.Contains(lower, "saml"):
			e.Class = Permission
		case j.foreign:
			e.Class, e.Message = ReadOnly, fmt.Sprintf("%s: the token may only read, as for every pull request from a fork or from Dependabot%s", doing, said)
			e.Hint = forkHint
		default:
			e.Class, e.Message = Permission, fmt.Sprintf("%s: the token may not; it needs pull-requests: write%s", doing, said)
			e.Hint = grant
		}
	case http.StatusNotFound, http.StatusGone:
		e.Class, e.Message = NotFound, fmt.Sprintf("%s: there is no such repository or pull request, or the token cannot see it%s", doing, said)
		e.Hint = "look at the repository and the number; for a private repository the token needs contents: read and pull-requests: write"
	case http.StatusLocked:
		e.Class, e.Message = Locked, fmt.Sprintf("%s: the repository is archived, or the conversation locked%s", doing, said)
	}
	return e
}
