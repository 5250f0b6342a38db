package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
)

// Write writes files that are not there into root, all or none. A file is written
// beside its place and then linked to its name, which fails where something has
// come to be there meanwhile. After an error root is as it was.
func Write(root *os.Root, files []File) (err error) {
	w := writer{root: root}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.rollBack())
		}
	}()
	staged := make([]string, len(files))
	for i, f := range files {
		if err := w.folder(path.Dir(f.Path)); err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
		staged[i] = path.Join(path.Dir(f.Path), ".kubeteus-init-"+strconv.Itoa(i))
		if err := w.create(staged[i], f.Data); err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
	}
	for i, f := range files {
		if err := w.place(staged[i], f); err != nil {
			return fmt.Errorf("writing %s: %w", f.Path, err)
		}
	}
	for _, s := range staged {
		err = errors.Join(err, ignoreAbsent(root.Remove(s)))
	}
	return err
}

type writer struct {
	root *os.Root
	undo []string // paths to remove, in order
}

// folder makes a folder and those above it.
func (w *writer) folder(name string) error {
	if name == "." {
		return nil
	}
	info, err := w.root.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("%s is not a folder", name)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := w.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := w.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	w.undo = append(w.undo, name)
	return nil
}

func (w *writer) create(name string, data []byte) error {
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w.undo = append(w.undo, name)
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// place gives a staged file its name. Where there are no links, the file is
// created anew: that, too, never replaces one.
func (w *writer) place(staged string, f File) error {
	err := w.root.Link(staged, f.Path)
	switch {
	case err == nil:
		w.undo = append(w.undo, f.Path)
		return nil
	case errors.Is(err, fs.ErrExist):
		return err
	}
	return w.create(f.Path, f.Data)
}

func (w *writer) rollBack() error {
	var err error
	for i := len(w.undo) - 1; i >= 0; i-- {
		err = errors.Join(err, ignoreAbsent(w.root.Remove(w.undo[i])))
	}
	return err
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
