package gitfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const (
	maxLinks  = 40   // symbolic links on the way to one file
	maxTarget = 4096 // bytes of what a link names
)

// tree is the file system of one git tree. It is safe for several goroutines.
type tree struct {
	objects *objects
	root    plumbing.Hash
	empty   bool // the root is a submodule

	mu      sync.Mutex
	folders map[plumbing.Hash][]entry
	absent  map[plumbing.Hash]bool // submodules that are not here
}

// entry is one name of a folder.
type entry struct {
	name string
	mode filemode.FileMode
	hash plumbing.Hash
}

func (e entry) isDir() bool     { return e.mode == filemode.Dir || e.mode == filemode.Submodule }
func (e entry) submodule() bool { return e.mode == filemode.Submodule }

// fsMode is the mode that a checkout would give it, less the right to write.
func (e entry) fsMode() fs.FileMode {
	switch e.mode {
	case filemode.Dir, filemode.Submodule:
		return fs.ModeDir | 0o555
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Executable:
		return 0o555
	default:
		return 0o444
	}
}

// folder returns a folder's entries, sorted by name.
func (t *tree) folder(e entry) ([]entry, error) {
	t.mu.Lock()
	known, ok := t.folders[e.hash]
	t.mu.Unlock()
	if ok {
		return known, nil
	}
	at := e.hash
	if e.submodule() {
		var err error
		if at, err = t.module(e.hash); err != nil || at.IsZero() {
			return nil, err
		}
	}
	o, err := t.objects.get(plumbing.TreeObject, at)
	if err != nil {
		return nil, err
	}
	var decoded object.Tree
	if err := decoded.Decode(o); err != nil {
		return nil, err
	}
	var out []entry
	for _, d := range decoded.Entries {
		// git refuses such names; a repository may hold them all the same.
		if d.Name == "." || !fs.ValidPath(d.Name) || strings.Contains(d.Name, "/") || strings.EqualFold(d.Name, ".git") {
			return nil, fmt.Errorf("tree %s holds an entry called %q", e.hash, d.Name)
		}
		out = append(out, entry{d.Name, d.Mode, d.Hash})
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(out); i++ {
		if out[i].name == out[i-1].name {
			return nil, fmt.Errorf("tree %s holds %q twice", e.hash, out[i].name)
		}
	}
	t.mu.Lock()
	t.folders[e.hash] = out
	t.mu.Unlock()
	return out, nil
}

// module returns the tree of a submodule's commit, zero if it is not here.
func (t *tree) module(h plumbing.Hash) (plumbing.Hash, error) {
	o, err := t.objects.get(plumbing.CommitObject, h)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		t.mu.Lock()
		t.absent[h] = true
		t.mu.Unlock()
		return plumbing.ZeroHash, nil
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	var c object.Commit
	if err := c.Decode(o); err != nil {
		return plumbing.ZeroHash, err
	}
	return c.TreeHash, nil
}

// Absent implements FS.
func (t *tree) Absent() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for h := range t.absent {
		out = append(out, h.String())
	}
	slices.Sort(out)
	return out
}

func (t *tree) top() entry {
	if t.empty {
		return entry{".", filemode.Submodule, t.root}
	}
	return entry{".", filemode.Dir, t.root}
}

var (
	errEscapes = errors.New("path escapes from parent")
	errLinks   = errors.New("too many levels of symbolic links")
)

// lookup finds a name. Links on the way are followed, and the last one if follow
// says so.
func (t *tree) lookup(name string, follow bool) (entry, error) {
	if !fs.ValidPath(name) {
		return entry{}, fs.ErrInvalid
	}
	way := []entry{t.top()} // from the root to where the walk is
	rest := strings.Split(name, "/")
	links := 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		at := way[len(way)-1]
		switch {
		case part == "." || part == "":
			continue
		case part == "..":
			if len(way) == 1 {
				return entry{}, errEscapes
			}
			way = way[:len(way)-1]
			continue
		}
		list, err := t.folder(at)
		if err != nil {
			return entry{}, err
		}
		i, ok := slices.BinarySearchFunc(list, part, func(e entry, name string) int { return strings.Compare(e.name, name) })
		if !ok {
			return entry{}, fs.ErrNotExist
		}
		found := list[i]
		switch {
		case found.isDir():
			way = append(way, found)
		case found.mode == filemode.Symlink && (follow || len(rest) > 0):
			if links++; links > maxLinks {
				return entry{}, errLinks
			}
			target, err := t.target(found)
			if err != nil {
				return entry{}, err
			}
			if path.IsAbs(target) {
				return entry{}, errEscapes
			}
			rest = append(strings.Split(target, "/"), rest...)
		case len(rest) > 0:
			return entry{}, fs.ErrNotExist // below a file
		default:
			return found, nil
		}
	}
	return way[len(way)-1], nil
}

// target is what a link names.
func (t *tree) target(e entry) (string, error) {
	n, err := t.objects.size(e.hash)
	if err == nil && n > maxTarget {
		err = fmt.Errorf("a link of %d bytes", n)
	}
	if err != nil {
		return "", err
	}
	data, err := t.objects.content(e.hash)
	return string(data), err
}

// stat is lookup, with the size.
func (t *tree) stat(op, name string, follow bool) (entry, *info, error) {
	e, err := t.lookup(name, follow)
	if err == nil {
		e.name = path.Base(name)
		var i *info
		if i, err = t.info(e); err == nil {
			return e, i, nil
		}
	}
	return e, nil, &fs.PathError{Op: op, Path: name, Err: err}
}

func (t *tree) info(e entry) (*info, error) {
	i := &info{entry: e}
	var err error
	if !e.isDir() {
		i.size, err = t.objects.size(e.hash)
	}
	return i, err
}

// Open opens a file or a folder.
func (t *tree) Open(name string) (fs.File, error) {
	e, i, err := t.stat("open", name, true)
	if err != nil {
		return nil, err
	}
	if e.isDir() {
		list, err := t.list(e)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &openFolder{info: i, path: name, list: list}, nil
	}
	data, err := t.objects.content(e.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{info: i, Reader: bytes.NewReader(data)}, nil
}

// Stat follows links.
func (t *tree) Stat(name string) (fs.FileInfo, error) {
	_, i, err := t.stat("stat", name, true)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Lstat does not follow the last link.
func (t *tree) Lstat(name string) (fs.FileInfo, error) {
	_, i, err := t.stat("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// ReadLink returns what a link names.
func (t *tree) ReadLink(name string) (string, error) {
	e, err := t.lookup(name, false)
	if err == nil && e.mode != filemode.Symlink {
		err = fs.ErrInvalid
	}
	target := ""
	if err == nil {
		target, err = t.target(e)
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

// ReadFile returns a file's content, which is the caller's.
func (t *tree) ReadFile(name string) ([]byte, error) {
	e, err := t.lookup(name, true)
	if err == nil && e.isDir() {
		err = errors.New("is a directory")
	}
	var data []byte
	if err == nil {
		data, err = t.objects.content(e.hash)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// ReadDir returns a folder's entries, sorted by name.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.lookup(name, true)
	if err == nil && !e.isDir() {
		err = errors.New("not a directory")
	}
	var list []fs.DirEntry
	if err == nil {
		list, err = t.list(e)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return list, nil
}

func (t *tree) list(e entry) ([]fs.DirEntry, error) {
	entries, err := t.folder(e)
	if err != nil {
		return nil, err
	}
	out := make([]fs.DirEntry, 0, len(entries))
	for _, e := range entries {
		out = append(out, dirEntry{e, t})
	}
	return out, nil
}

// dirEntry finds its size when it is asked for.
type dirEntry struct {
	entry
	tree *tree
}

func (d dirEntry) Name() string               { return d.name }
func (d dirEntry) IsDir() bool                { return d.isDir() }
func (d dirEntry) Type() fs.FileMode          { return d.fsMode().Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.tree.info(d.entry) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

type info struct {
	entry
	size int64
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.fsMode() }
func (i *info) ModTime() time.Time { return time.Time{} }
func (i *info) IsDir() bool        { return i.isDir() }
func (i *info) Sys() any           { return nil }
func (i *info) String() string     { return fs.FormatFileInfo(i) }

// openFile is a file's content.
type openFile struct {
	*bytes.Reader
	info *info
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// openFolder is a folder that is being read.
type openFolder struct {
	info *info
	path string
	list []fs.DirEntry
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFolder) Close() error               { return nil }

func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: errors.New("is a directory")}
}

func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(f.list)
	} else if len(f.list) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.list))
	out := f.list[:n:n]
	f.list = f.list[n:]
	return out, nil
}
