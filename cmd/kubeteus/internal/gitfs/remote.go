package gitfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Place is where a folder lies in a repository, and where others find that.
type Place struct {
	Top    string // the working tree's folder
	Inside string // the folder's place in it, slash-separated; "." is the top
	URL    string // of the remote origin, as the repository's configuration has it; "" if there is none
	Branch string // that others start from; "" if none is known
}

// Locate finds the repository of a folder. A folder in none is an error that is
// fs.ErrNotExist. The URL is untrusted, and may hold credentials.
func Locate(dir string) (Place, error) {
	r, err := openRepository(dir)
	if err != nil {
		return Place{}, err
	}
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return Place{}, err
	}
	p := Place{Top: abs, Inside: r.inside}
	if r.inside != "." {
		for range strings.Count(r.inside, "/") + 1 {
			p.Top = filepath.Dir(p.Top)
		}
	}
	c, err := r.refs.Config()
	if err != nil {
		return Place{}, fmt.Errorf("reading the repository's configuration: %w", err)
	}
	if origin := c.Remotes["origin"]; origin != nil && len(origin.URLs) > 0 {
		p.URL = origin.URLs[0]
	}
	p.Branch, err = r.startingBranch(dir)
	return p, err
}

// startingBranch is DefaultBranch without its remote; where there is none, as in a
// repository without commits, it is what is checked out.
func (r *repository) startingBranch(dir string) (string, error) {
	name, err := DefaultBranch(dir)
	var unknown *Error
	if err == nil {
		return strings.TrimPrefix(name, "origin/"), nil
	}
	if !errors.As(err, &unknown) || errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	head, err := r.refs.Reference(plumbing.HEAD)
	if err != nil || head.Type() != plumbing.SymbolicReference || !head.Target().IsBranch() {
		return "", nil
	}
	return head.Target().Short(), nil
}
