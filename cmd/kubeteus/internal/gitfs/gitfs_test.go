package gitfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// git runs the real one in a folder, apart from the settings of whoever runs the
// tests, and returns what it prints.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", "-c", "advice.detachedHead=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(out.String())
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, dir, message string) string {
	t.Helper()
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	return git(t, dir, "rev-parse", "HEAD")
}

// shop is a repository with a project in a subfolder, on its third commit.
func shop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	for i := range 3 {
		write(t, dir, "README.md", fmt.Sprint("readme ", i))
		write(t, dir, "deploy/shop/intents/shop.yaml", fmt.Sprint("version: ", i))
		commit(t, dir, fmt.Sprint("commit ", i))
	}
	return dir
}

func read(t *testing.T, dir, rev, name string) string {
	t.Helper()
	fsys, err := Open(dir, rev)
	if err != nil {
		t.Fatalf("%s: %v", rev, err)
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatalf("%s: %v", rev, err)
	}
	return string(data)
}

// refuse opens a revision that is not there, and checks what is said of it.
func refuse(t *testing.T, dir, rev, message, hint string) {
	t.Helper()
	_, err := Open(dir, rev)
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, message) || !strings.Contains(e.Hint, hint) {
		t.Errorf("%q: %#v, want %q and hint %q", rev, err, message, hint)
	}
}

func TestFS(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	write(t, dir, "a.b/x", "")
	write(t, dir, "a/x", "1") // git sorts a.b before a/, a file system does not
	write(t, dir, "a0", strings.Repeat("0", 100_000))
	write(t, dir, "ümlaut é/ö", "x")
	write(t, dir, "run.sh", "#!")
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"link": "README.md", "to-folder": "deploy/shop", "a/up": "../README.md"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "config", "core.quotePath", "false")
	commit(t, dir, "all kinds")
	for _, packed := range []bool{false, true} {
		if packed {
			git(t, dir, "gc", "-q", "--aggressive", "--prune=now")
		}
		fsys, err := Open(dir, "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		files := strings.Split(git(t, dir, "-c", "core.quotePath=false", "ls-files"), "\n")
		if err := fstest.TestFS(fsys, files...); err != nil {
			t.Errorf("packed %v: %v", packed, err)
		}
		// Every file is what the working tree has.
		for _, f := range files {
			want, err := os.ReadFile(filepath.Join(dir, f))
			if err != nil {
				continue // to-folder
			}
			if got, err := fs.ReadFile(fsys, f); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %q %v", f, got, err)
			}
			a, errA := fs.Lstat(fsys, f)
			b, errB := os.Lstat(filepath.Join(dir, f))
			if errA != nil || errB != nil || a.Mode().Type() != b.Mode().Type() || a.Size() != b.Size() || a.Mode()&0o111 != b.Mode()&0o111 {
				t.Errorf("%s: %v, want %v", f, a, b)
			}
		}
	}
}

func TestSubfolder(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	project := filepath.Join(dir, "deploy", "shop")
	for rev, want := range map[string]string{"HEAD": "version: 2", "main~1": "version: 1", "@^^": "version: 0"} {
		if got := read(t, project, rev, "intents/shop.yaml"); got != want {
			t.Errorf("%s: %q", rev, got)
		}
	}
	fsys, err := Open(project, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "intents/shop.yaml"); err != nil {
		t.Error(err)
	}
	if _, err := fs.Stat(fsys, "README.md"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, name := range []string{"../README.md", "/etc/passwd", "intents/../../README.md", "", "intents/", "./intents"} {
		if _, err := fs.ReadFile(fsys, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	// By a link, and where the folder is new.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(project, link); err != nil {
		t.Fatal(err)
	}
	if got := read(t, link, "HEAD", "intents/shop.yaml"); got != "version: 2" {
		t.Error(got)
	}
	write(t, dir, "new/x", "x")
	_, err = Open(filepath.Join(dir, "new"), "HEAD")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "revision HEAD has no folder new") {
		t.Error(err)
	}
	outside := t.TempDir()
	if _, err := Open(outside, "HEAD"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "is in no git repository") {
		t.Error(err)
	}
}

// TestRevisions holds every revision against git rev-parse.
func TestRevisions(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	git(t, dir, "checkout", "-q", "-b", "feature/x", "HEAD~1")
	write(t, dir, "feature", "x")
	commit(t, dir, "feature")
	git(t, dir, "merge", "-q", "--no-ff", "-m", "merge", "main")
	git(t, dir, "tag", "light", "main")
	git(t, dir, "tag", "-a", "-m", "tag", "v1.0", "main~1")
	git(t, dir, "tag", "-a", "-m", "tag of a tag", "v1", "v1.0")
	git(t, dir, "branch", "abcd", "main~2")   // an abbreviation's looks
	git(t, dir, "branch", "same", "main")     // a branch and a tag of one name
	git(t, dir, "tag", "same", "main~2")      // the tag is meant
	git(t, dir, "branch", "größe/ä", "main~") // no ASCII
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", "file://"+dir, clone)
	git(t, clone, "branch", "other", "origin/main")
	git(t, clone, "fetch", "-q", "origin", "feature/x") // writes FETCH_HEAD
	sha := git(t, clone, "rev-parse", "origin/main~1")
	repository := func(dir string) *repository {
		r, err := openRepository(dir)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, packed := range []bool{false, true} {
		if packed {
			git(t, clone, "pack-refs", "--all")
			git(t, clone, "gc", "-q")
		}
		revs := []string{"HEAD", "@", "HEAD~1", "HEAD^", "HEAD^2", "HEAD^2~1", "HEAD~1^0", "HEAD^{commit}", "HEAD~", "HEAD~~", "HEAD~0", "other", "other~2", "origin/main", "origin", "refs/remotes/origin/main",
			"remotes/origin/main", "heads/other", "light", "v1", "v1.0", "tags/v1.0", "v1~1", "refs/tags/v1^", "origin/feature/x", "origin/abcd", "same", "origin/größe/ä", "FETCH_HEAD",
			sha, sha[:7], sha[:8], strings.ToUpper(sha[:9]), sha + "~1"}
		ask := []string{"rev-parse"}
		for _, rev := range revs {
			ask = append(ask, rev+"^{commit}")
		}
		for i, want := range strings.Fields(git(t, clone, ask...)) {
			rev := revs[i]
			got, err := repository(clone).commit(rev)
			if err != nil {
				t.Errorf("%s: %v", rev, err)
			} else if got.Hash.String() != want {
				t.Errorf("%s is %s, want %s", rev, got.Hash, want)
			}
		}
	}
	git(t, clone, "branch", "-f", sha[:6], "HEAD")
	if got, err := repository(clone).commit(sha[:6]); err != nil || got.Hash.String() != git(t, clone, "rev-parse", "HEAD") {
		t.Errorf("a branch goes before an abbreviation: %v", err)
	}
	refuse(t, clone, "main~1", "there is no revision main here", "did you mean origin/main?")
	refuse(t, clone, "origin/gone", "there is no revision origin/gone here", "git fetch origin +refs/heads/gone:refs/remotes/origin/gone")
	refuse(t, clone, "gone", "there is no revision gone here", "git fetch origin +refs/heads/gone:refs/remotes/origin/gone, and then origin/gone")
	refuse(t, clone, strings.Repeat("12", 20), "there is no revision 1212", "git fetch origin 1212")
	refuse(t, clone, "other~3", "there is no revision other~3: commit ", "")
	refuse(t, clone, "other^2", "has 1 parents", "")
	for _, rev := range []string{"", "-x", "--upload-pack=x", "a..b", "main..", "HEAD@{1}", "@{u}", ":/x", "main:README.md", "a b", "a\x00b", "a\nb", "~1", "^main", "main^{tree}", "main~x", "main^-", "../config", "/etc/passwd",
		"x/../../config", ".git", "a//b", "a/", "x.lock", "*", "a[b", `a\b`, strings.Repeat("x", maxRev+1), "main~9999999"} {
		refuse(t, clone, rev, "is no revision", "give a branch")
	}
	// Files beside the refs are none.
	for _, rev := range []string{"config", "index", "objects", "hooks", "refs", "refs/heads", "packed-refs", "description"} {
		refuse(t, clone, rev, "there is no revision "+rev, "")
	}
}

func TestWorktree(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	linked := filepath.Join(t.TempDir(), "linked")
	git(t, dir, "worktree", "add", "-q", "-b", "side", linked, "main~2")
	write(t, linked, "deploy/shop/intents/shop.yaml", "version: side")
	commit(t, linked, "side")
	project := filepath.Join(linked, "deploy", "shop")
	for rev, want := range map[string]string{"HEAD": "version: side", "side": "version: side", "main": "version: 2", "HEAD~1": "version: 0"} {
		if got := read(t, project, rev, "intents/shop.yaml"); got != want {
			t.Errorf("%s: %q", rev, got)
		}
	}
	if got := read(t, dir, "HEAD", "deploy/shop/intents/shop.yaml"); got != "version: 2" {
		t.Errorf("the main working tree: %q", got)
	}
	git(t, dir, "gc", "-q")
	git(t, dir, "pack-refs", "--all")
	if got := read(t, project, "side", "intents/shop.yaml"); got != "version: side" {
		t.Errorf("packed: %q", got)
	}
	base, err := MergeBase(project, "HEAD", "main")
	if err != nil || base != git(t, dir, "merge-base", "side", "main") {
		t.Errorf("%s %v", base, err)
	}
}

func TestSubmodule(t *testing.T) {
	t.Parallel()
	library, dir := shop(t), shop(t)
	git(t, dir, "submodule", "--quiet", "add", "file://"+library, "lib/shop")
	commit(t, dir, "submodule")
	write(t, filepath.Join(dir, "lib", "shop"), "deploy/shop/intents/shop.yaml", "version: 3")
	commit(t, filepath.Join(dir, "lib", "shop"), "commit 3")
	commit(t, dir, "newer submodule")
	for rev, want := range map[string]string{"HEAD": "version: 3", "HEAD~1": "version: 2"} {
		if got := read(t, dir, rev, "lib/shop/deploy/shop/intents/shop.yaml"); got != want {
			t.Errorf("%s: %s", rev, got)
		}
	}
	fsys, err := Open(dir, "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "lib/shop/deploy/shop/intents/shop.yaml", ".gitmodules"); err != nil {
		t.Error(err)
	}
	if absent := fsys.Absent(); len(absent) != 0 {
		t.Errorf("absent: %v", absent)
	}
	// Inside of it, its own repository is meant.
	if got := read(t, filepath.Join(dir, "lib", "shop", "deploy"), "HEAD~2", "shop/intents/shop.yaml"); got != "version: 1" {
		t.Error(got)
	}
	// What somebody calls a revision is none of the submodule's.
	module := git(t, filepath.Join(dir, "lib", "shop"), "rev-parse", "HEAD")
	refuse(t, dir, module[:12], "there is no revision", "git fetch")
	// A linked worktree shares the submodule's objects.
	linked := filepath.Join(t.TempDir(), "linked")
	git(t, dir, "worktree", "add", "-q", linked, "HEAD")
	if got := read(t, linked, "HEAD", "lib/shop/deploy/shop/intents/shop.yaml"); got != "version: 3" {
		t.Error(got)
	}
}

// TestSubmoduleAbsent: one that was not fetched is an empty folder, and said.
func TestSubmoduleAbsent(t *testing.T) {
	t.Parallel()
	library, dir := shop(t), shop(t)
	commit(t, library, "its own")
	git(t, dir, "submodule", "--quiet", "add", "file://"+library, "lib/shop")
	commit(t, dir, "submodule")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", "file://"+dir, clone)
	fsys, err := Open(clone, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := fs.ReadDir(fsys, "lib/shop"); err != nil || len(entries) != 0 {
		t.Errorf("%v %v", entries, err)
	}
	if info, err := fs.Stat(fsys, "lib/shop"); err != nil || !info.IsDir() {
		t.Errorf("%v %v", info, err)
	}
	want := git(t, library, "rev-parse", "HEAD")
	if absent := fsys.Absent(); len(absent) != 1 || absent[0] != want {
		t.Errorf("absent: %v, want %s", absent, want)
	}
}

func TestShallow(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	git(t, dir, "branch", "release", "main~1")
	old := git(t, dir, "rev-parse", "main~2")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", "--depth=1", "file://"+dir, clone)
	project := filepath.Join(clone, "deploy", "shop")
	if got := read(t, project, "HEAD", "intents/shop.yaml"); got != "version: 2" {
		t.Error(got)
	}
	refuse(t, project, "HEAD~1", "revision HEAD~1 lies behind what this shallow clone holds", "git fetch --unshallow")
	refuse(t, project, "HEAD^", "lies behind", "git fetch --unshallow")
	refuse(t, project, old, "there is no revision "+old+" here, in a shallow clone", "git fetch --depth=1 origin "+old)
	_, err := Open(project, "origin/release")
	var e *Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Hint, "git fetch --depth=1 origin ") {
		t.Fatalf("%v", err)
	}
	// What the hint says helps.
	git(t, clone, strings.Fields(e.Hint)[1:]...)
	if got := read(t, project, "origin/release", "intents/shop.yaml"); got != "version: 1" {
		t.Error(got)
	}
	_, err = MergeBase(project, "HEAD", "origin/release")
	if !errors.As(err, &e) || !strings.Contains(e.Message, "no commit in common within what this shallow clone holds") || e.Hint != "git fetch --unshallow" {
		t.Errorf("%v", err)
	}
	git(t, clone, strings.Fields(e.Hint)[1:]...)
	if base, err := MergeBase(project, "HEAD", "origin/release"); err != nil || base != git(t, dir, "rev-parse", "release") {
		t.Errorf("%s %v", base, err)
	}
	if got := read(t, project, "HEAD~2", "intents/shop.yaml"); got != "version: 0" {
		t.Error(got)
	}
}

// TestPartial: a partial clone has extensions that do not matter, and lacks
// objects that do.
func TestPartial(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	git(t, dir, "config", "uploadpack.allowFilter", "true")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", "--filter=blob:none", "--sparse", "file://"+dir, clone)
	git(t, clone, "sparse-checkout", "set", "deploy")
	if got := read(t, clone, "HEAD", "deploy/shop/intents/shop.yaml"); got != "version: 2" {
		t.Error(got)
	}
	fsys, err := Open(clone, "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = fs.ReadFile(fsys, "README.md")
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "a partial clone left it out") || e.Hint != "clone without --filter" {
		t.Errorf("%v", err)
	}
}

func TestAlternates(t *testing.T) {
	t.Parallel()
	first := shop(t)
	git(t, first, "gc", "-q")
	old := git(t, first, "rev-parse", "HEAD")
	second, third := filepath.Join(t.TempDir(), "second"), filepath.Join(t.TempDir(), "third")
	git(t, first, "clone", "-q", "--shared", first, second)
	write(t, second, "second", "2")
	commit(t, second, "second")
	git(t, second, "clone", "-q", "--shared", second, third)
	write(t, third, "third", "3")
	commit(t, third, "third")
	for name, want := range map[string]string{"third": "3", "second": "2", "README.md": "readme 2"} {
		if got := read(t, third, "HEAD", name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := read(t, third, old[:10]+"~1", "README.md"); got != "readme 1" {
		t.Error(got)
	}
	// Relative to the objects folder, as git has it.
	rel, err := filepath.Rel(filepath.Join(third, ".git", "objects"), filepath.Join(second, ".git", "objects"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, third, ".git/objects/info/alternates", "# comment\n"+rel+"\n")
	if got := read(t, third, "HEAD~2", "README.md"); got != "readme 2" {
		t.Error(got)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	for link, target := range map[string]string{
		"deploy/shop/in": "intents/shop.yaml", "deploy/shop/folder": "intents", "deploy/shop/deep/up": "../in", "deploy/shop/round": "deep/../folder/../in",
		"deploy/shop/out": "../../README.md", "deploy/shop/host": "/etc/passwd", "deploy/shop/hostname": "../../../../../../../../etc/passwd",
		"deploy/shop/loop": "loop", "deploy/shop/a": "b", "deploy/shop/b": "a", "deploy/shop/gone": "none", "deploy/shop/sneaky": "folder/../../../README.md",
		"deploy/shop/through": "in/x", "deploy/shop/long": strings.Repeat("./", 2000) + "in",
	} {
		file := filepath.Join(dir, link)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.Symlink(target, file)); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, dir, "links")
	project := filepath.Join(dir, "deploy", "shop")
	fsys, err := Open(project, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(project)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"in", "folder/shop.yaml", "deep/up", "round", "long"} {
		if data, err := fs.ReadFile(fsys, name); err != nil || string(data) != "version: 2" {
			t.Errorf("%s: %q %v", name, data, err)
		}
	}
	for name, want := range map[string]error{"out": errEscapes, "host": errEscapes, "hostname": errEscapes, "sneaky": errEscapes, "loop": errLinks, "a": errLinks, "gone": fs.ErrNotExist, "through": fs.ErrNotExist, "out/x": errEscapes} {
		for op, f := range map[string]func() error{
			"read": func() error { _, err := fs.ReadFile(fsys, name); return err }, "open": func() error { _, err := fsys.Open(name); return err },
			"stat": func() error { _, err := fs.Stat(fsys, name); return err }, "readdir": func() error { _, err := fs.ReadDir(fsys, name); return err },
		} {
			if err := f(); !errors.Is(err, want) {
				t.Errorf("%s %s: %v, want %v", op, name, err, want)
			}
		}
		// The working tree refuses the same.
		if _, err := root.ReadFile(name); err == nil {
			t.Errorf("os.Root reads %s", name)
		}
		if name == "out/x" {
			continue
		}
		if info, err := fs.Lstat(fsys, name); err != nil || info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if target, err := fs.ReadLink(fsys, "out"); err != nil || target != "../../README.md" {
		t.Errorf("%q %v", target, err)
	}
	if _, err := fs.ReadLink(fsys, "intents"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if link := e.Name() != "intents" && e.Name() != "deep"; link != (e.Type() == fs.ModeSymlink) {
			t.Errorf("%v", e)
		}
	}
}

// TestLarge: a huge file has a size, and is not read.
func TestLarge(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	if err := os.WriteFile(filepath.Join(dir, "huge"), make([]byte, maxObject+1), 0o644); err != nil {
		t.Fatal(err)
	}
	commit(t, dir, "huge")
	fsys, err := Open(dir, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := fs.Stat(fsys, "huge"); err != nil || info.Size() != maxObject+1 {
		t.Errorf("%v %v", info, err)
	}
	if _, err := fs.ReadFile(fsys, "huge"); err == nil || !strings.Contains(err.Error(), "at most 33554432 are read") {
		t.Error(err)
	}
	if _, err := fsys.Open("huge"); err == nil {
		t.Error("opened")
	}
}

// TestHostileTree makes trees that git would not.
func TestHostileTree(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	blob := git(t, dir, "rev-parse", "HEAD:README.md")
	raw := make([]byte, 20)
	if _, err := fmt.Sscanf(blob, "%x", &raw); err != nil {
		t.Fatal(err)
	}
	for name, entries := range map[string]string{
		"dots": "100644 ..\x00", "dot": "100644 .\x00", "slash": "100644 a/b\x00", "git": "40000 .GIT\x00", "twice": "100644 a\x00" + string(raw) + "100755 a\x00", "cut": "100644 a",
	} {
		cmd := exec.Command("git", "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(entries+string(raw))
		if name == "cut" {
			cmd.Stdin = strings.NewReader(entries)
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rev := git(t, dir, "commit-tree", "-m", name, strings.TrimSpace(string(out)))
		fsys, err := Open(dir, rev)
		if err != nil {
			t.Fatal(err)
		}
		if entries, err := fs.ReadDir(fsys, "."); err == nil {
			t.Errorf("%s: %v", name, entries)
		}
	}
	// A commit whose tree is a blob, a branch that is a blob.
	if err := os.WriteFile(filepath.Join(dir, ".git", "refs", "heads", "blob"), []byte(blob+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "blob"); err == nil || !strings.Contains(err.Error(), "is a blob and not a commit") {
		t.Error(err)
	}
}

func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "--object-format=sha256")
	commit(t, dir, "x")
	refuse(t, dir, "HEAD", "SHA-256", "")
	other := shop(t)
	if err := os.Mkdir(filepath.Join(other, ".git", "reftable"), 0o755); err != nil {
		t.Fatal(err)
	}
	refuse(t, other, "HEAD", "reftables", "git refs migrate")
	empty := t.TempDir()
	git(t, empty, "init", "-q")
	refuse(t, empty, "HEAD", "there is no revision HEAD here", "")
	broken := t.TempDir()
	write(t, broken, ".git", "what is this")
	if _, err := Open(broken, "HEAD"); err == nil || !strings.Contains(err.Error(), "names no folder") {
		t.Error(err)
	}
	write(t, broken, ".git", "gitdir: /nowhere/at/all\n")
	if _, err := Open(broken, "HEAD"); err == nil || !strings.Contains(err.Error(), "opening the repository") {
		t.Error(err)
	}
}

func TestSideBySide(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	for i := range 50 {
		write(t, dir, fmt.Sprintf("many/%d/%d", i%5, i), fmt.Sprint(i))
	}
	commit(t, dir, "many")
	git(t, dir, "gc", "-q")
	fsys, err := Open(dir, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 50 {
				name := fmt.Sprintf("many/%d/%d", i%5, i)
				if data, err := fs.ReadFile(fsys, name); err != nil || string(data) != fmt.Sprint(i) {
					t.Errorf("%s: %q %v", name, data, err)
				}
			}
		})
	}
	wg.Wait()
	f, err := fsys.Open("README.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.(io.Seeker).Seek(3, io.SeekStart); err != nil {
		t.Error(err)
	}
	if data, err := io.ReadAll(f); err != nil || string(data) != "dme 2" {
		t.Errorf("%q %v", data, err)
	}
}
