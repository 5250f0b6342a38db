// Package emit owns the overlay: which files it consists of, how they differ from
// those on disk, and how they and the lock get there without ever leaving a
// half-written overlay.
//
// A file is kubeteus's own if it lies where kubeteus would write one and begins
// with the generator's header. What is not its own is never changed, moved or
// removed, whatever its name. The package decides nothing about policies.
package emit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/policy"
)

// File is one file of the overlay. Path is slash-separated and relative to the
// overlay's folder.
type File struct {
	Path string
	Data []byte
}

const (
	kustomization = "kustomization.yaml"
	extension     = ".yaml"
	maxName       = 200 // bytes of a file's name, under every file system's limit
)

// Render returns the overlay of the objects, sorted by path: a kustomization and
// <namespace>/<name>.yaml for each object.
func Render(objects []policy.Object) ([]File, diag.List) {
	var diags diag.List
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b policy.Object) int { return strings.Compare(a.Key(), b.Key()) })
	for i, o := range sorted {
		switch {
		case i > 0 && o.Key() == sorted[i-1].Key():
			diags = append(diags, diag.Errorf(diag.ValidateObject, o.Origin, "two policies are called %s", o.Key()).
				Hint("give the intents that they come from different names"))
		case !fileName(o.Namespace()) || !fileName(o.Name()):
			diags = append(diags, diag.Errorf(diag.ValidateObject, o.Origin, "policy %q has a namespace or name that no cluster accepts", o.Key()).
				Hint("namespaces and names are lower-case letters, digits, dots and dashes"))
		}
	}
	if diags.HasErrors() {
		return nil, diags.Sorted()
	}
	var files []File
	paths := assign(sorted)
	for i, o := range sorted {
		files = append(files, File{Path: paths[i], Data: policy.Encode(o)})
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	files = append(files, kustomize(files))
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// fileName says whether s can be a path element everywhere, and is visible.
func fileName(s string) bool {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.'
	}
	return s != "" && s[0] != '.' && s[0] != '-' && strings.IndexFunc(s, func(r rune) bool { return !ok(r) }) < 0
}

// assign gives each object a path of its own, also where case does not tell
// paths apart. A name that two objects share, that is too long, or that means
// something to kustomize gets a digest of the object's key.
func assign(objects []policy.Object) []string {
	plain := func(o policy.Object) string { return path.Join(o.Namespace(), o.Name()+extension) }
	wanted := map[string]int{}
	for _, o := range objects {
		wanted[strings.ToLower(plain(o))]++
	}
	out := make([]string, len(objects))
	taken := map[string]bool{}
	for i, o := range objects {
		p := plain(o)
		if key := strings.ToLower(p); wanted[key] == 1 && len(o.Name()) <= maxName && path.Base(key) != kustomization {
			out[i], taken[key] = p, true
		}
	}
	for i, o := range objects {
		for n := 0; out[i] == ""; n++ {
			sum := sha256.Sum256(fmt.Append(nil, o.Key(), "#", n))
			p := path.Join(o.Namespace(), o.Name()[:min(len(o.Name()), maxName)]+"-"+hex.EncodeToString(sum[:8])+extension)
			if key := strings.ToLower(p); !taken[key] {
				out[i], taken[key] = p, true
			}
		}
	}
	return out
}

// kustomize returns the kustomization of the files.
func kustomize(files []File) File {
	var b bytes.Buffer
	b.WriteString(policy.Header + "\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n")
	if len(files) == 0 {
		b.WriteString("resources: []\n")
		return File{Path: kustomization, Data: b.Bytes()}
	}
	b.WriteString("resources:\n")
	for _, f := range files {
		b.WriteString("- " + f.Path + "\n") // a path with a slash and of these letters is a string in every YAML
	}
	return File{Path: kustomization, Data: b.Bytes()}
}

// Digest identifies the files, whatever their order.
func Digest(files []File) string {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	h := sha256.New()
	for _, f := range sorted {
		for _, part := range [][]byte{[]byte(f.Path), f.Data} {
			_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // a hash never fails
			h.Write(part)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
