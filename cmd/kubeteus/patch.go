package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/emit"
)

// This file writes what compile would change on disk as a patch, for git apply at
// the top of the repository.

// patch is empty where nothing would change, or where the project lies in no
// repository.
func patch(p *project, r *compiler.Result) (string, error) {
	if !r.Clean || !r.Stale() {
		return "", nil
	}
	dir := resolved(p.dir)
	top := repositoryRoot(dir)
	if top == "" {
		return "", nil
	}
	place := func(file string) (string, error) {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, filepath.FromSlash(file))
		}
		inside, ok := within(top, file)
		if !ok || strings.ContainsFunc(inside, unicode.IsControl) || strings.ContainsAny(inside, `"\`) {
			return "", fmt.Errorf("%q has no place in a patch", file)
		}
		return inside, nil
	}
	var b strings.Builder
	add := func(file, diff string) error {
		name, err := place(file)
		if err == nil {
			b.WriteString(gitPatch(name, diff))
		}
		return err
	}
	for _, c := range r.Changes {
		if err := add(filepath.Join(r.Overlay, c.Path), c.Diff); err != nil {
			return "", err
		}
	}
	if r.LockChange != "" {
		if err := add(r.LockPath, r.LockChange); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// gitPatch puts git's header in place of a unified diff's. A name is ended by a
// tab, as git ends one that has spaces.
func gitPatch(name, diff string) string {
	from, rest, _ := strings.Cut(diff, "\n")
	to, hunks, _ := strings.Cut(rest, "\n")
	out := fmt.Sprintf("diff --git a/%s b/%s\n", name, name)
	old, new := "--- a/"+name+"\t\n", "+++ b/"+name+"\t\n"
	if from == "--- "+emit.NoFile {
		out, old = out+"new file mode 100644\n", from+"\n"
	}
	if to == "+++ "+emit.NoFile {
		out, new = out+"deleted file mode 100644\n", to+"\n"
	}
	return out + old + new + hunks
}
