package gitfs

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// Revisions are resolved here and not by go-git, which prefers an abbreviated
// commit to a branch of that name, looks beyond the boundary of a shallow clone,
// and takes what is no revision for one.

const maxRev = 256 // bytes of a revision

// step is one ~N or ^N behind a revision.
type step struct {
	parent bool // ^: the Nth parent, not the Nth ancestor
	n      int
}

var stepForm = regexp.MustCompile(`^([~^])([0-9]{0,6})`)

// splitRev splits "main~2^1" into a name and steps.
func splitRev(rev string) (string, []step, error) {
	bad := func(why string) error {
		return &Error{Message: fmt.Sprintf("%q is no revision: %s", rev, why), Hint: "give a branch, a tag or a commit, such as main, origin/main or HEAD~1"}
	}
	if rev == "" || len(rev) > maxRev {
		return "", nil, bad(fmt.Sprintf("it is empty, or longer than %d bytes", maxRev))
	}
	name, rest := rev, ""
	if i := strings.IndexAny(rev, "~^"); i >= 0 {
		name, rest = rev[:i], rev[i:]
	}
	rest = strings.TrimSuffix(rest, "^{commit}")
	var steps []step
	for rest != "" {
		m := stepForm.FindStringSubmatch(rest)
		if m == nil {
			return "", nil, bad("behind a name it takes ~N and ^N")
		}
		s := step{m[1] == "^", 1}
		if m[2] != "" {
			s.n, _ = strconv.Atoi(m[2]) // six digits at most
		}
		steps, rest = append(steps, s), rest[len(m[0]):]
	}
	if name == "@" {
		name = "HEAD"
	}
	if !refName(name) {
		return "", nil, bad("no branch, tag or commit is called that")
	}
	return name, steps, nil
}

// refName says whether git lets a ref have the name. It becomes a path.
func refName(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") {
			return false
		}
	}
	return !strings.HasPrefix(name, "-") && !strings.Contains(name, "..") && !strings.Contains(name, "@{") &&
		!strings.ContainsAny(name, ` ~^:?*[\`) && !strings.ContainsFunc(name, unicode.IsControl)
}

// commit resolves a revision.
func (r *repository) commit(rev string) (*object.Commit, error) {
	name, steps, err := splitRev(rev)
	if err != nil {
		return nil, err
	}
	h, err := r.named(name)
	if err != nil {
		return nil, err
	}
	c, err := r.peel(h)
	for _, s := range steps {
		if err != nil {
			break
		}
		c, err = r.step(c, s, rev)
	}
	return c, err
}

// step goes from a commit to an ancestor.
func (r *repository) step(c *object.Commit, s step, rev string) (*object.Commit, error) {
	hops, parent := s.n, 0
	if s.parent {
		hops, parent = 1, s.n-1
	}
	if s.n == 0 {
		return c, nil
	}
	for range hops {
		if r.shallow[c.Hash] {
			return nil, &Error{Message: fmt.Sprintf("revision %s lies behind what this shallow clone holds", rev), Hint: "git fetch --unshallow"}
		}
		if parent >= len(c.ParentHashes) {
			return nil, &Error{Message: fmt.Sprintf("there is no revision %s: commit %s has %d parents", rev, c.Hash, len(c.ParentHashes))}
		}
		next, err := r.load(c.ParentHashes[parent])
		if err != nil {
			return nil, err
		}
		c = next
	}
	return c, nil
}

// load decodes a commit.
func (r *repository) load(h plumbing.Hash) (*object.Commit, error) {
	o, err := r.objects.get(plumbing.CommitObject, h)
	if err != nil {
		return nil, err
	}
	c := &object.Commit{}
	return c, c.Decode(o)
}

const maxTags = 16 // tags of tags

// peel returns the commit that an object is, or that a tag is of.
func (r *repository) peel(h plumbing.Hash) (*object.Commit, error) {
	for range maxTags {
		o, err := r.objects.get(plumbing.AnyObject, h)
		if err != nil {
			return nil, err
		}
		if o.Type() != plumbing.TagObject {
			break
		}
		var t object.Tag
		if err := t.Decode(o); err != nil {
			return nil, err
		}
		h = t.Target
	}
	return r.load(h)
}

// rules say where a ref of a short name lies, in git's order.
var rules = []string{"", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"}

// pseudo are refs beside refs/: HEAD, FETCH_HEAD. Other files lie there, too.
var pseudo = regexp.MustCompile(`^([A-Z]+_)*HEAD$`)

// named resolves a name: a whole object name, a ref, or an abbreviation.
func (r *repository) named(name string) (plumbing.Hash, error) {
	if plumbing.IsHash(name) {
		h := plumbing.NewHash(name)
		if _, err := r.objects.size(h); err != nil {
			return h, r.unknown(name)
		}
		return h, nil
	}
	h, err := r.ref(name)
	if !errors.Is(err, plumbing.ErrReferenceNotFound) {
		return h, err
	}
	if found := r.abbreviation(name); len(found) == 1 {
		return found[0], nil
	} else if len(found) > 1 {
		return plumbing.ZeroHash, &Error{Message: fmt.Sprintf("%d commits begin with %s", len(found), name), Hint: "give more of its digits"}
	}
	return plumbing.ZeroHash, r.unknown(name)
}

// ref resolves a ref by its short or full name.
func (r *repository) ref(name string) (plumbing.Hash, error) {
	for _, rule := range rules {
		if rule == "" && !pseudo.MatchString(name) && !strings.HasPrefix(name, "refs/") {
			continue
		}
		ref, err := storer.ResolveReference(r.refs, plumbing.ReferenceName(rule+name))
		if err == nil {
			return ref.Hash(), nil
		}
		if !errors.Is(err, plumbing.ErrReferenceNotFound) {
			return plumbing.ZeroHash, fmt.Errorf("reading %s%s: %w", rule, name, err)
		}
	}
	ref, err := storer.ResolveReference(r.refs, plumbing.NewRemoteHEADReferenceName(name))
	if err != nil {
		return plumbing.ZeroHash, plumbing.ErrReferenceNotFound
	}
	return ref.Hash(), nil
}

const minAbbreviation = 4 // digits, as git has it

// abbreviation returns the commits whose names begin with the digits.
func (r *repository) abbreviation(digits string) []plumbing.Hash {
	digits = strings.ToLower(digits)
	if len(digits) < minAbbreviation || len(digits) > 40 {
		return nil
	}
	prefix, err := hex.DecodeString(digits[:len(digits)/2*2])
	if err != nil {
		return nil
	}
	found, err := r.objects.abbreviated(prefix)
	if err != nil {
		return nil
	}
	var out []plumbing.Hash
	for _, h := range found {
		if !strings.HasPrefix(h.String(), digits) || slices.Contains(out, h) {
			continue
		}
		if _, err := r.peel(h); err == nil {
			out = append(out, h)
		}
	}
	return out
}

// unknown words a name that nothing here has, and how to fetch what has it.
func (r *repository) unknown(name string) error {
	e := &Error{Message: fmt.Sprintf("there is no revision %s here", name), Err: plumbing.ErrReferenceNotFound}
	depth := ""
	if len(r.shallow) > 0 {
		e.Message += ", in a shallow clone"
		depth = " --depth=1"
	}
	branch, remote := strings.CutPrefix(name, "origin/")
	_, err := r.ref("origin/" + name)
	switch {
	case plumbing.IsHash(name):
		e.Hint = fmt.Sprintf("git fetch%s origin %s", depth, name)
	case remote:
		e.Hint = fmt.Sprintf("git fetch%s origin +refs/heads/%s:refs/remotes/origin/%s", depth, branch, branch)
	case err == nil:
		e.Hint = fmt.Sprintf("did you mean origin/%s?", name)
	default:
		e.Hint = fmt.Sprintf("git fetch%s origin +refs/heads/%s:refs/remotes/origin/%s, and then origin/%s", depth, name, name, name)
	}
	return e
}

// DefaultBranch returns the branch that others start from, as a revision: what
// the remote origin says, else main or master, of origin first.
func DefaultBranch(dir string) (string, error) {
	r, err := openRepository(dir)
	if err != nil {
		return "", err
	}
	head, err := r.refs.Reference(plumbing.NewRemoteHEADReferenceName("origin"))
	if err == nil && head.Type() == plumbing.SymbolicReference {
		name := strings.TrimPrefix(head.Target().String(), "refs/remotes/")
		if _, err := r.ref(name); err == nil {
			return name, nil
		}
	}
	for _, name := range []string{"refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master"} {
		if _, err := r.ref(name); err == nil {
			return strings.TrimPrefix(strings.TrimPrefix(name, "refs/remotes/"), "refs/heads/"), nil
		}
	}
	return "", &Error{Message: "no default branch is known here", Hint: "name the branch to compare with, as in kubeteus diff origin/main"}
}
