package scaffold

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// shadow is a tree as it would be with some files more.
type shadow struct {
	fs.FS
	files map[string][]byte
}

// Shadow returns base as it would be with files in it. Files that base has stand
// as they are.
func Shadow(base fs.FS, files []File) fs.FS {
	s := &shadow{FS: base, files: map[string][]byte{}}
	for _, f := range files {
		if _, err := fs.Lstat(base, f.Path); err != nil {
			s.files[f.Path] = f.Data
		}
	}
	return s
}

// added is a file or a folder that base lacks, or a folder that gains entries.
type added struct {
	name string
	data []byte
	dir  bool
}

func (a added) Name() string               { return path.Base(a.name) }
func (a added) Size() int64                { return int64(len(a.data)) }
func (a added) ModTime() time.Time         { return time.Time{} }
func (a added) IsDir() bool                { return a.dir }
func (a added) Sys() any                   { return nil }
func (a added) Type() fs.FileMode          { return a.Mode().Type() }
func (a added) Info() (fs.FileInfo, error) { return a, nil }
func (a added) Mode() fs.FileMode {
	if a.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// find returns what was added at name.
func (s *shadow) find(name string) (added, bool) {
	if data, ok := s.files[name]; ok {
		return added{name: name, data: data}, true
	}
	for p := range s.files {
		if strings.HasPrefix(p, name+"/") {
			return added{name: name, dir: true}, true
		}
	}
	return added{}, false
}

// Open opens what base has, and else what was added.
func (s *shadow) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err == nil {
		return f, nil
	}
	if a, ok := s.find(name); ok && !a.dir {
		return &opened{added: a, Reader: bytes.NewReader(a.data)}, nil
	}
	return nil, err
}

type opened struct {
	added
	*bytes.Reader
}

func (o *opened) Size() int64                { return o.added.Size() }
func (o *opened) Stat() (fs.FileInfo, error) { return o.added, nil }
func (o *opened) Close() error               { return nil }

var _ io.ReadSeeker = (*opened)(nil)

// ReadDir lists what base has and what was added.
func (s *shadow) ReadDir(name string) ([]fs.DirEntry, error) {
	out, err := fs.ReadDir(s.FS, name)
	if a, ok := s.find(name); err != nil && (!ok || !a.dir) && name != "." {
		return out, err
	}
	seen := map[string]bool{}
	for _, e := range out {
		seen[e.Name()] = true
	}
	for p := range s.files {
		rest := p
		if name != "." {
			var ok bool
			if rest, ok = strings.CutPrefix(p, name+"/"); !ok {
				continue
			}
		}
		first, _, _ := strings.Cut(rest, "/")
		if !seen[first] {
			seen[first] = true
			a, _ := s.find(path.Join(name, first))
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// Stat looks at what base has, and else at what was added.
func (s *shadow) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(s.FS, name)
	if err != nil {
		if a, ok := s.find(name); ok {
			return a, nil
		}
	}
	return info, err
}

// Lstat is Stat that follows no link.
func (s *shadow) Lstat(name string) (fs.FileInfo, error) {
	info, err := fs.Lstat(s.FS, name)
	if err != nil {
		if a, ok := s.find(name); ok {
			return a, nil
		}
	}
	return info, err
}

// ReadLink reads a link of base.
func (s *shadow) ReadLink(name string) (string, error) { return fs.ReadLink(s.FS, name) }
