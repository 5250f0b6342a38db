package emit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
)

// How an overlay is written.
//
// A file system renames one file atomically, not twenty. So everything that can
// fail for want of space or rights is done first, in a hidden folder inside of the
// overlay (the same file system, so that renames work): every new file is written
// there and flushed. A context that is cancelled until then changes nothing. From
// there on there are only renames, each with its undoing put down: what is
// replaced or removed is kept in the hidden folder until the end, so that undoing
// is a rename too and needs no space. The lock comes last. If any step fails, the
// steps taken are undone in reverse order, and the folders that were made for them
// are removed.
//
// A process that is killed between two renames leaves a mixture: the lock is then
// the old one and holds another digest, and the next run finds the hidden folder
// without an owner, clears it and writes the rest.

const stageName = ".kubeteus-stage"

// Write makes the overlay in the folder dir of root consist of files, and writes
// the lock. Files that hold the right bytes already are left alone, files of
// kubeteus's own that are no longer wanted are removed, and so are folders that
// this empties. It returns the paths written, relative to root, the lock last.
// After an error, root is as it was.
func Write(ctx context.Context, root *os.Root, dir string, files []File, lockPath string, lockData []byte) ([]string, error) {
	dir, lockPath = path.Clean(dir), path.Clean(lockPath)
	overlay, err := fs.Sub(root.FS(), dir)
	if err != nil {
		return nil, fmt.Errorf("opening the overlay: %w", err)
	}
	own, err := survey(overlay, files)
	if err != nil {
		return nil, err
	}
	changes := plan(own, files)
	lockChanged, err := differs(root, lockPath, lockData)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 && !lockChanged {
		return nil, ctx.Err()
	}
	t := transaction{root: root, dir: dir, stage: path.Join(dir, stageName)}
	if err := t.run(ctx, changes, files, lockPath, lockData, lockChanged); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the overlay: %w", err), t.rollBack())
	}
	var written []string
	for _, c := range changes {
		if c.Kind != Removed {
			written = append(written, path.Join(dir, c.Path))
		} else if folder := path.Dir(c.Path); folder != "." {
			_ = root.Remove(path.Join(dir, folder)) // fails while something is in it
		}
	}
	if lockChanged {
		written = append(written, lockPath)
	}
	return written, t.finish()
}

// differs says whether the file of the path has other bytes than data.
func differs(root *os.Root, name string, data []byte) (bool, error) {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("reading the lock: %w", err)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("writing the lock: %s is not a regular file", name)
	case info.Size() != int64(len(data)):
		return true, nil
	}
	old, err := root.ReadFile(name)
	if err != nil {
		return false, fmt.Errorf("reading the lock: %w", err)
	}
	return !bytes.Equal(old, data), nil
}

// transaction is one run of Write.
type transaction struct {
	root       *os.Root
	dir, stage string
	owner      *os.File // the stage, locked
	undo       []func() error
}

func (t *transaction) run(ctx context.Context, changes []Change, files []File, lockPath string, lockData []byte, lockChanged bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.makeFolder(t.dir); err != nil {
		return err
	}
	if err := t.open(); err != nil {
		return err
	}
	data := map[string][]byte{}
	for _, f := range files {
		data[f.Path] = f.Data
	}
	for i, c := range changes {
		if c.Kind == Removed {
			continue
		}
		if err := t.put(t.fresh(i), data[c.Path]); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	stagedLock := path.Join(path.Dir(lockPath), "."+path.Base(lockPath)+".stage")
	if lockChanged {
		if err := t.putLock(stagedLock, lockData); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, c := range changes {
		if err := t.apply(i, c); err != nil {
			return err
		}
	}
	t.flush(changes)
	if lockChanged {
		if err := t.root.Rename(stagedLock, lockPath); err != nil {
			return err
		}
		t.sync(path.Dir(lockPath))
	}
	return nil
}

// fresh and former are where the new and the old file of a change lie meanwhile.
func (t *transaction) fresh(i int) string  { return path.Join(t.stage, "new-"+strconv.Itoa(i)) }
func (t *transaction) former(i int) string { return path.Join(t.stage, "old-"+strconv.Itoa(i)) }

// makeFolder makes a folder and those above it, and undoes just that.
func (t *transaction) makeFolder(name string) error {
	if name == "." {
		return nil
	}
	if _, err := t.root.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.makeFolder(path.Dir(name)); err != nil {
		return err
	}
	if err := t.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	t.undo = append(t.undo, func() error { return t.root.Remove(name) })
	return nil
}

// open makes the stage and takes possession of it, so that two runs do not mix.
// What a killed run left in it is cleared away.
func (t *transaction) open() error {
	for range 10 {
		if err := t.root.Mkdir(t.stage, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		info, err := t.root.Lstat(t.stage)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its owner has just finished
		}
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return &AlienError{Path: stageName, Why: "it is not a folder"}
		}
		f, err := t.root.Open(t.stage)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		free, err := own(f)
		now, gone := f.Stat()
		switch {
		case err != nil:
			_ = f.Close()
			return err
		case !free:
			_ = f.Close()
			return fmt.Errorf("another kubeteus is writing into %s", t.dir)
		}
		at, err := t.root.Lstat(t.stage)
		if gone != nil || err != nil || !os.SameFile(now, at) {
			_ = f.Close()
			continue
		}
		t.owner = f
		t.undo = append(t.undo, func() error { return t.root.RemoveAll(t.stage) })
		return t.clear()
	}
	return fmt.Errorf("other processes keep writing into %s", t.dir)
}

// clear empties the stage.
func (t *transaction) clear() error {
	left, err := fs.ReadDir(t.root.FS(), t.stage)
	for _, e := range left {
		err = errors.Join(err, t.root.RemoveAll(path.Join(t.stage, e.Name())))
	}
	return err
}

// put writes a new file and has it on the disk when it returns.
func (t *transaction) put(name string, data []byte) error {
	f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// putLock stages the lock beside its place, which may be on another file system
// than the overlay.
func (t *transaction) putLock(name string, data []byte) error {
	if err := t.makeFolder(path.Dir(name)); err != nil {
		return err
	}
	if info, err := t.root.Lstat(name); err == nil && info.Mode().IsRegular() {
		if err := t.root.Remove(name); err != nil { // a killed run's
			return err
		}
	}
	t.undo = append(t.undo, func() error {
		if err := t.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return t.put(name, data)
}

// apply makes one change by renames.
func (t *transaction) apply(i int, c Change) error {
	target := path.Join(t.dir, c.Path)
	switch c.Kind {
	case Added:
		if err := t.makeFolder(path.Dir(target)); err != nil {
			return err
		}
		if err := t.root.Rename(t.fresh(i), target); err != nil {
			return err
		}
		t.undo = append(t.undo, func() error { return t.root.Remove(target) })
		return nil
	case Changed:
		// A second link keeps the old file while the name is never without one;
		// where there are no links, it is moved.
		err := t.root.Link(target, t.former(i))
		if err != nil {
			err = t.root.Rename(target, t.former(i))
		}
		if err != nil {
			return err
		}
		t.undo = append(t.undo, func() error { return t.root.Rename(t.former(i), target) })
		return t.root.Rename(t.fresh(i), target)
	default:
		if err := t.root.Rename(target, t.former(i)); err != nil {
			return err
		}
		t.undo = append(t.undo, func() error { return t.root.Rename(t.former(i), target) })
		return nil
	}
}

// flush has the renames on the disk before the lock says that they are.
func (t *transaction) flush(changes []Change) {
	folders := []string{t.dir}
	for _, c := range changes {
		folders = append(folders, path.Join(t.dir, path.Dir(c.Path)))
	}
	slices.Sort(folders)
	for _, f := range slices.Compact(folders) {
		t.sync(f)
	}
}

// sync flushes a folder. Not every system can; the files are written all the same.
func (t *transaction) sync(folder string) {
	if f, err := t.root.Open(folder); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

// rollBack undoes what was done, the last first.
func (t *transaction) rollBack() error {
	var err error
	for _, undo := range slices.Backward(t.undo) {
		err = errors.Join(err, undo())
	}
	return errors.Join(err, t.release())
}

// finish removes the stage with the old files in it.
func (t *transaction) finish() error {
	err := t.root.RemoveAll(t.stage)
	return errors.Join(err, t.release())
}

func (t *transaction) release() error {
	if t.owner == nil {
		return nil
	}
	return t.owner.Close()
}
