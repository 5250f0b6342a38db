package scaffold

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

const maxURL = 1000 // bytes

var (
	shortForm  = regexp.MustCompile(`^([A-Za-z0-9._-]+@)([A-Za-z0-9.-]+):([^/].*)$`)
	branchName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+@#-]{0,199}$`)
)

// CleanURL returns a repository's address as a controller in a cluster can use it:
// without credentials, query and fragment. With plain false, git's short form of
// ssh addresses stays as it is; Flux wants it as a URL.
func CleanURL(raw string, plain bool) (string, error) {
	if len(raw) > maxURL || strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return "", fmt.Errorf("it is too long, or holds spaces or control characters")
	}
	if m := shortForm.FindStringSubmatch(raw); m != nil && !strings.Contains(raw, "://") {
		if plain {
			return "ssh://" + m[1] + m[2] + "/" + m[3], nil
		}
		return raw, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("it is no URL") // the error would quote it, with what it hides
	}
	switch u.Scheme {
	case "https", "http":
		u.User = nil
	case "ssh":
		if u.User != nil {
			u.User = url.User(u.User.Username())
		}
	default:
		return "", fmt.Errorf("a cluster reaches https, http and ssh addresses alone")
	}
	if u.Host == "" || u.Opaque != "" {
		return "", fmt.Errorf("it names no host")
	}
	u.RawQuery, u.Fragment, u.RawFragment, u.ForceQuery = "", "", "", false
	return u.String(), nil
}

// CheckBranch refuses what is no name of a branch.
func CheckBranch(name string) error {
	if !branchName.MatchString(name) || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return fmt.Errorf("%q is no branch", name)
	}
	return nil
}
