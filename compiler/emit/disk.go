package emit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// AlienError says that a file that is not kubeteus's own lies where one has to be
// written. Path is relative to the overlay.
type AlienError struct {
	Path string
	Why  string
}

func (e *AlienError) Error() string {
	return fmt.Sprintf("%s is in the way: %s", e.Path, e.Why)
}

// Diagnostic words the error as a finding about the input, which it is. overlay
// is the overlay's folder.
func (e *AlienError) Diagnostic(overlay string) diag.Diagnostic {
	return diag.Errorf(diag.OverlayAlien, diag.Position{File: path.Join(overlay, e.Path)}, "in the way of a file to be written: %s", e.Why).
		Hint("move it away, or choose another folder with --out")
}

const (
	notOurs  = "it does not begin with kubeteus's header"
	maxOwned = 32 << 20 // bytes of a file that is read; kubeteus writes none so large
)

// owned says whether data begins with the generator's header. A checkout may have
// turned its line break into CR LF.
func owned(data []byte) bool {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))) == policy.Header
}

// place says whether kubeteus would write a file of this path: the kustomization
// at the top, policies one folder down.
func place(p string) bool {
	folder, name := path.Split(p)
	if folder == "" {
		return name == kustomization
	}
	return strings.Count(p, "/") == 1 && path.Ext(name) == extension && name != kustomization &&
		fileName(strings.TrimSuffix(folder, "/")) && fileName(name)
}

// survey reads kubeteus's own files in an overlay, by path. An overlay that is
// not there holds none. wanted are the files that are to be written: something
// else in the place of one is an AlienError.
func survey(overlay fs.FS, wanted []File) (map[string][]byte, error) {
	candidates, err := candidates(overlay)
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	for _, f := range wanted {
		needed[f.Path] = true
		candidates = append(candidates, f.Path)
	}
	slices.Sort(candidates)
	own := map[string][]byte{}
	for _, p := range slices.Compact(candidates) {
		data, why, err := read(overlay, p)
		switch {
		case err != nil:
			return nil, fmt.Errorf("reading the overlay: %w", err)
		case why != "" && needed[p]:
			return nil, &AlienError{Path: p, Why: why}
		case data != nil:
			own[p] = data
		}
	}
	return own, nil
}

// candidates lists what lies in the overlay where kubeteus would write a file.
func candidates(overlay fs.FS) ([]string, error) {
	info, err := fs.Stat(overlay, ".")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the overlay: %w", err)
	case !info.IsDir():
		return nil, &AlienError{Path: ".", Why: "it is not a folder"}
	}
	top, err := fs.ReadDir(overlay, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the overlay: %w", err)
	}
	out := []string{kustomization}
	for _, folder := range top {
		if why := overrides(folder.Name()); why != "" {
			return nil, &AlienError{Path: folder.Name(), Why: why}
		}
		if !folder.IsDir() || !fileName(folder.Name()) {
			continue
		}
		entries, err := fs.ReadDir(overlay, folder.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the overlay: %w", err)
		}
		for _, e := range entries {
			if p := path.Join(folder.Name(), e.Name()); place(p) {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// overrides says why a file beside the kustomization would have something else
// synced than what lies in the overlay, and was proven; "" if it would not.
func overrides(name string) string {
	switch {
	case name == "kustomization.yml" || name == "Kustomization":
		return "kustomize takes it for a second kustomization, and builds neither"
	case strings.HasPrefix(name, ".argocd-source"):
		return "Argo CD takes patches, names and labels from it, and syncs something else than the overlay"
	}
	return ""
}

// read returns a file that is kubeteus's own, nil if there is nothing, or why
// what is there is not kubeteus's own.
func read(overlay fs.FS, p string) (data []byte, why string, err error) {
	if folder := path.Dir(p); folder != "." {
		info, err := fs.Lstat(overlay, folder)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, "", nil
		case err != nil:
			return nil, "", err
		case !info.IsDir():
			return nil, folder + " is not a folder", nil
		}
	}
	info, err := fs.Lstat(overlay, p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", nil
	case err != nil:
		return nil, "", err
	case !info.Mode().IsRegular():
		return nil, "it is not a regular file", nil
	case info.Size() > maxOwned:
		return nil, notOurs, nil
	}
	f, err := overlay.Open(p)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	if data, err = io.ReadAll(io.LimitReader(f, maxOwned)); err != nil {
		return nil, "", err
	}
	if !owned(data) {
		return nil, notOurs, nil
	}
	return data, "", nil
}

// Change is one file on disk that is not what it should be.
type Change struct {
	Path string // relative to the overlay
	Kind string // added, changed or removed
	Diff string // unified
}

// The kinds of change.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
)

// Compare returns what Write would change in the overlay, sorted by path. Files
// that are not kubeteus's own do not count, unless one is in the way: that is an
// AlienError.
func Compare(overlay fs.FS, files []File) ([]Change, error) {
	own, err := survey(overlay, files)
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	for _, f := range files {
		data[f.Path] = f.Data
	}
	changes := plan(own, files)
	for i, c := range changes {
		changes[i].Diff = Unified(c.Path, own[c.Path], data[c.Path])
	}
	return changes, nil
}

// plan lists what there is to do, without diffs.
func plan(own map[string][]byte, files []File) []Change {
	var out []Change
	kept := map[string]bool{}
	for _, f := range files {
		kept[f.Path] = true
		old, there := own[f.Path]
		switch {
		case !there:
			out = append(out, Change{Path: f.Path, Kind: Added})
		case !bytes.Equal(old, f.Data):
			out = append(out, Change{Path: f.Path, Kind: Changed})
		}
	}
	for p := range own {
		if !kept[p] {
			out = append(out, Change{Path: p, Kind: Removed})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// Stale says whether the overlay on disk is another than the one with the digest,
// as a lock holds it.
func Stale(overlay fs.FS, digest string) (bool, error) {
	own, err := survey(overlay, nil)
	if err != nil {
		return false, err
	}
	var files []File
	for p, data := range own {
		files = append(files, File{p, data})
	}
	return Digest(files) != digest, nil
}
