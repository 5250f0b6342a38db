package gitfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// maxObject is how many bytes an object may have. What a project is read from is
// far smaller, and an object is held in memory as a whole.
const maxObject = 32 << 20

// objects are the places that a repository's objects lie in: its own, then those
// that it borrows from. go-git looks into borrowed places for some questions and
// not for others, and takes relative paths for something else than git does.
type objects struct {
	mu     sync.Mutex // go-git's storage is not meant to be shared
	stores []*filesystem.Storage
	// modules are the repositories of submodules. Objects are named by what they
	// are, so that it does not matter where one is found; but what a person calls
	// a revision is none of theirs.
	modules []*filesystem.Storage
}

const maxAlternates = 16 // places, however they are chained

// alternates adds the places that an objects folder borrows from, and those that
// they borrow from.
func (o *objects) alternates(folder string, known cache.Object) error {
	seen := map[string]bool{filepath.Clean(folder): true}
	queue := []string{folder}
	for len(queue) > 0 && len(seen) <= maxAlternates {
		at := queue[0]
		queue = queue[1:]
		lines, err := alternatesOf(at)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if seen[l] {
				continue
			}
			seen[l] = true
			queue = append(queue, l)
			// A storage is opened by the folder above its objects.
			if info, err := os.Stat(l); err == nil && info.IsDir() && filepath.Base(l) == "objects" {
				o.stores = append(o.stores, filesystem.NewStorage(osfs.New(filepath.Dir(l)), known))
			}
		}
	}
	return nil
}

func alternatesOf(folder string) ([]string, error) {
	f, err := os.Open(filepath.Join(folder, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []string
	s := bufio.NewScanner(io.LimitReader(f, maxPointer))
	for s.Scan() {
		l := s.Text()
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		if !filepath.IsAbs(l) {
			l = filepath.Join(folder, l)
		}
		out = append(out, filepath.Clean(l))
	}
	return out, s.Err()
}

const (
	maxModules     = 64
	maxModuleDepth = 8 // folders: a submodule's name has slashes, and may have submodules of its own
)

// submodules adds the repositories that lie in a modules folder.
func (o *objects) submodules(folder string, known cache.Object, depth int) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || depth == 0 || len(o.modules) == maxModules {
			continue
		}
		at := filepath.Join(folder, e.Name())
		below := at // more of its name
		if info, err := os.Stat(filepath.Join(at, "objects")); err == nil && info.IsDir() {
			o.modules = append(o.modules, filesystem.NewStorage(osfs.New(at), known))
			below = filepath.Join(at, "modules")
		}
		if err := o.submodules(below, known, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// all are the places to look into for an object whose name is known.
func (o *objects) all() []*filesystem.Storage { return slices.Concat(o.stores, o.modules) }

// errAbsent is an object that the repository ought to have and has not.
func errAbsent(h plumbing.Hash) error {
	return &Error{Message: fmt.Sprintf("object %s is not in the repository: a partial clone left it out, or it is damaged", h),
		Hint: "clone without --filter", Err: plumbing.ErrObjectNotFound}
}

// size returns an object's size in bytes.
func (o *objects) size(h plumbing.Hash) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.all() {
		n, err := s.EncodedObjectSize(h)
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return n, err
		}
	}
	return 0, errAbsent(h)
}

// get returns an object of a type, or of any.
func (o *objects) get(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	n, err := o.size(h)
	if err != nil {
		return nil, err
	}
	if n > maxObject {
		return nil, fmt.Errorf("an object of %d bytes: at most %d are read", n, maxObject)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.all() {
		got, err := s.EncodedObject(plumbing.AnyObject, h)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			continue
		}
		if err == nil && t != plumbing.AnyObject && got.Type() != t {
			err = fmt.Errorf("object %s is a %s and not a %s", h, got.Type(), t)
		}
		return got, err
	}
	return nil, errAbsent(h)
}

// content returns a blob's bytes.
func (o *objects) content(h plumbing.Hash) ([]byte, error) {
	blob, err := o.get(plumbing.BlobObject, h)
	if err != nil {
		return nil, err
	}
	r, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxObject+1))
	if err == nil && int64(len(data)) != blob.Size() {
		err = fmt.Errorf("object %s is damaged", h)
	}
	return data, err
}

// abbreviated returns the objects whose names begin with the bytes.
func (o *objects) abbreviated(prefix []byte) ([]plumbing.Hash, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []plumbing.Hash
	for _, s := range o.stores {
		found, err := s.HashesWithPrefix(prefix)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}
