// Package gitfs shows the tree of a git revision as a file system, read from the
// repository's objects: nothing is checked out, fetched or written, and no git
// program is started.
//
// A tree is rooted at the place that a folder of the working tree has in the
// repository, so that a project in a subfolder is found in a revision by the
// names it has now. It behaves as os.Root does on a working tree: symbolic links
// are shown as such, followed inside of the root, and refused where they lead out.
// A submodule is the tree of the commit that the revision names, if it was fetched;
// else it is an empty folder, as in a working tree that did not fetch it, and
// Absent says so. All times are zero, and nothing is writable.
//
// Linked worktrees, submodules' own repositories, shallow clones, packed refs and
// alternates are understood. What is not here (a revision that was not fetched,
// the history behind a shallow clone, the objects that a partial clone left out)
// is an *Error whose hint says what to type. SHA-256 repositories and reftables
// are refused.
package gitfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// Error is what a repository does not have, or what this package does not read.
// Hint says what to type; it may be empty.
type Error struct {
	Message string
	Hint    string
	Err     error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// FS is a tree. Its files implement io.ReaderAt and io.Seeker.
type FS interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.StatFS
	fs.ReadLinkFS
	// Absent returns the commits of submodules that were looked into and are not
	// here, sorted.
	Absent() []string
}

// Commit returns the object name of the commit that a revision is, as Open takes
// it.
func Commit(dir, rev string) (string, error) {
	r, err := openRepository(dir)
	if err != nil {
		return "", err
	}
	c, err := r.commit(rev)
	if err != nil {
		return "", err
	}
	return c.Hash.String(), nil
}

// Open returns the tree of a revision, rooted at dir's place in the repository.
// rev is a branch, a tag, a commit or an abbreviation of one, with any number of
// ~N and ^N behind it. Where the revision has no such folder the error is
// fs.ErrNotExist.
func Open(dir, rev string) (FS, error) {
	r, err := openRepository(dir)
	if err != nil {
		return nil, err
	}
	c, err := r.commit(rev)
	if err != nil {
		return nil, err
	}
	t := &tree{objects: r.objects, folders: map[plumbing.Hash][]entry{}, absent: map[plumbing.Hash]bool{}, root: c.TreeHash}
	if r.inside == "." {
		return t, nil
	}
	found, err := t.lookup(r.inside, false)
	if err == nil && !found.isDir() {
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Message: fmt.Sprintf("revision %s has no folder %s", rev, r.inside), Err: fs.ErrNotExist}
	}
	t.root, t.empty = found.hash, found.submodule()
	return t, err
}

// repository is what a working tree belongs to.
type repository struct {
	objects *objects
	refs    *filesystem.Storage
	shallow map[plumbing.Hash]bool // commits whose parents were not fetched
	inside  string                 // the folder's place in the working tree, slash-separated
}

// openRepository finds the repository of a folder of its working tree.
//
// go-git's own way of opening one refuses repositories with extensions that do
// not matter here (partial clones, sparse checkouts), so the storage is opened
// without it.
func openRepository(dir string) (*repository, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, err
	}
	top := abs
	for {
		if _, err := os.Lstat(filepath.Join(top, ".git")); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		parent := filepath.Dir(top)
		if parent == top {
			return nil, &Error{Message: dir + " is in no git repository", Hint: "run it in a git repository whose base is committed", Err: fs.ErrNotExist}
		}
		top = parent
	}
	inside, err := filepath.Rel(top, abs)
	if err != nil {
		return nil, err
	}
	own, common, err := gitFolders(top)
	if err != nil {
		return nil, fmt.Errorf("opening the repository of %s: %w", dir, err)
	}
	r := &repository{inside: filepath.ToSlash(inside), shallow: map[plumbing.Hash]bool{}}
	if err := r.open(own, common); err != nil {
		return nil, err
	}
	return r, nil
}

const maxPointer = 64 << 10 // bytes of a file that names a folder

// pointer reads a file that names a folder, relative to the one it lies in.
func pointer(file, prefix string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxPointer {
		return "", fmt.Errorf("%s is no file that names a folder", file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(strings.TrimRight(string(data), "\r\n"), prefix)
	if !ok || name == "" {
		return "", fmt.Errorf("%s names no folder", file)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(file), name)
	}
	return name, nil
}

// gitFolders returns the folder of a working tree's own state and, where it is a
// linked one, the folder that it shares with the others.
func gitFolders(top string) (own, common string, err error) {
	own = filepath.Join(top, ".git")
	info, err := os.Stat(own)
	if err != nil {
		return "", "", err
	}
	if !info.IsDir() {
		if own, err = pointer(own, "gitdir: "); err != nil {
			return "", "", err
		}
	}
	common, err = pointer(filepath.Join(own, "commondir"), "")
	if errors.Is(err, fs.ErrNotExist) {
		common, err = own, nil
	}
	return own, common, err
}

// open opens the storage of refs and objects.
func (r *repository) open(own, common string) error {
	if _, err := os.Stat(filepath.Join(common, "objects")); err != nil {
		return fmt.Errorf("opening the repository: %w", err)
	}
	if _, err := os.Stat(filepath.Join(common, "reftable")); err == nil {
		return &Error{Message: "the repository keeps its branches in reftables, which are not understood", Hint: "git refs migrate --ref-format=files"}
	}
	var dot billy.Filesystem = osfs.New(own)
	if common != own {
		dot = dotgit.NewRepositoryFilesystem(dot, osfs.New(common))
	}
	known := cache.NewObjectLRUDefault()
	r.refs = filesystem.NewStorage(dot, known)
	if c, err := r.refs.Config(); err == nil && strings.EqualFold(c.Raw.Section("extensions").Option("objectformat"), "sha256") {
		return &Error{Message: "the repository names its objects by SHA-256, which is not understood"}
	}
	shallow, err := r.refs.Shallow()
	if err != nil {
		return fmt.Errorf("reading where the clone is shallow: %w", err)
	}
	for _, h := range shallow {
		r.shallow[h] = true
	}
	r.objects = &objects{stores: []*filesystem.Storage{r.refs}}
	if err := r.objects.alternates(filepath.Join(common, "objects"), known); err != nil {
		return err
	}
	err = r.objects.submodules(filepath.Join(own, "modules"), known, maxModuleDepth)
	if err == nil && own != common {
		err = r.objects.submodules(filepath.Join(common, "modules"), known, maxModuleDepth)
	}
	return err
}
