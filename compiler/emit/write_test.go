package emit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const lockPath = "intents/kubeteus.lock"

// project is a folder with an overlay written into it, as before each test.
func project(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	populate(t, dir)
	return open(t, dir), dir
}

func open(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func populate(t *testing.T, dir string) {
	t.Helper()
	for name, data := range map[string]string{
		"policies/kustomization.yaml": header + "old\n", "policies/shop/web.yaml": header + "web\n", "policies/shop/api.yaml": header + "old api\n",
		"policies/gone/x.yaml": header, "policies/half/x.yaml": header, "policies/half/mine.yaml": "mine\n", "policies/README.md": "mine\n",
		lockPath: "old lock\n", "intents/shop.yaml": "statements\n",
	} {
		put(t, filepath.Join(dir, name), data)
	}
	old := time.Now().Add(-time.Hour)
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			err = os.Chtimes(name, old, old)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, name, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

var wanted = []File{
	{"fresh/x.yaml", []byte(header + "x\n")}, {"fresh/y.yaml", []byte(header + "y\n")}, {"kustomization.yaml", []byte(header + "new\n")},
	{"shop/api.yaml", []byte(header + "new api\n")}, {"shop/web.yaml", []byte(header + "web\n")},
}

// tree lists every file with its bytes and time of change, and every folder.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		info, err := e.Info()
		switch {
		case err != nil:
		case e.IsDir():
			out = append(out, rel+"/")
		case !e.Type().IsRegular():
			out = append(out, rel+" "+e.Type().String())
		default:
			var data []byte
			data, err = os.ReadFile(name)
			out = append(out, fmt.Sprintf("%s %q %v", rel, data, info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWrite(t *testing.T) {
	root, dir := project(t)
	web, err := os.Stat(filepath.Join(dir, "policies/shop/web.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := Write(t.Context(), root, "policies", wanted, lockPath, []byte("new lock\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"policies/fresh/x.yaml", "policies/fresh/y.yaml", "policies/kustomization.yaml", "policies/shop/api.yaml", lockPath}; !slices.Equal(written, want) {
		t.Errorf("wrote %v, want %v", written, want)
	}
	var names []string
	for _, line := range tree(t, dir) {
		names = append(names, strings.Fields(line)[0])
	}
	want := []string{"./", "intents/", "intents/kubeteus.lock", "intents/shop.yaml", "policies/", "policies/README.md", "policies/fresh/", "policies/fresh/x.yaml",
		"policies/fresh/y.yaml", "policies/half/", "policies/half/mine.yaml", "policies/kustomization.yaml", "policies/shop/", "policies/shop/api.yaml", "policies/shop/web.yaml"}
	if !slices.Equal(names, want) {
		t.Errorf("left %v\nwant %v", names, want)
	}
	for _, f := range wanted {
		if data, err := os.ReadFile(filepath.Join(dir, "policies", f.Path)); err != nil || string(data) != string(f.Data) {
			t.Errorf("%s holds %q, %v", f.Path, data, err)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(dir, lockPath)); string(data) != "new lock\n" {
		t.Errorf("lock holds %q", data)
	}
	if now, _ := os.Stat(filepath.Join(dir, "policies/shop/web.yaml")); !os.SameFile(web, now) || !now.ModTime().Equal(web.ModTime()) {
		t.Error("a file that was right has been written")
	}
	before := tree(t, dir)
	written, err = Write(t.Context(), root, "policies", wanted, lockPath, []byte("new lock\n"))
	if err != nil || len(written) > 0 || !slices.Equal(tree(t, dir), before) {
		t.Errorf("the second run wrote %v, %v", written, err)
	}
}

func TestWriteFresh(t *testing.T) {
	dir := t.TempDir()
	root := open(t, dir)
	if _, err := Write(t.Context(), root, "deploy/prod/policies", wanted, "deploy/"+lockPath, []byte("lock\n")); err != nil {
		t.Fatal(err)
	}
	changes, err := Compare(os.DirFS(filepath.Join(dir, "deploy/prod/policies")), wanted)
	if err != nil || len(changes) > 0 {
		t.Error(changes, err)
	}
	before := tree(t, dir)
	if _, err := Write(t.Context(), root, "deploy/prod/policies", wanted, "deploy/"+lockPath, []byte("lock 2\n")); err != nil {
		t.Fatal(err)
	}
	after := tree(t, dir)
	if slices.Equal(before, after) || len(before) != len(after) {
		t.Error("a change of the lock alone is not written")
	}
}

// canceled is a context that is cancelled once it has been asked a few times.
type canceled struct {
	context.Context
	left int
}

func (c *canceled) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestWriteCancelled cancels at every place where Write looks, and at none.
func TestWriteCancelled(t *testing.T) {
	for n := 0; ; n++ {
		root, dir := project(t)
		before := tree(t, dir)
		_, err := Write(&canceled{t.Context(), n}, root, "policies", wanted, lockPath, []byte("new lock\n"))
		if err == nil {
			if n < 4 {
				t.Errorf("Write looks at its context %d times only", n)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if after := tree(t, dir); !slices.Equal(after, before) {
			t.Fatalf("cancelled after %d looks:\n%v\nbefore\n%v", n, after, before)
		}
	}
}

func TestWriteCancelledFresh(t *testing.T) {
	dir := t.TempDir()
	if _, err := Write(&canceled{t.Context(), 3}, open(t, dir), "a/b", wanted, "c/lock", nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if left := tree(t, dir); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

// TestWriteInTheWay holds that whatever lies in the way fails the run, and that
// nothing changes then.
func TestWriteInTheWay(t *testing.T) {
	for _, c := range []struct {
		name  string
		setUp func(t *testing.T, dir string) error
		alien string // the path in the AlienError, "" for another error
	}{
		{"file of somebody", func(t *testing.T, dir string) error {
			put(t, filepath.Join(dir, "policies/fresh/x.yaml"), "kind: NetworkPolicy\n")
			return nil
		}, "fresh/x.yaml"},
		{"folder for a file", func(t *testing.T, dir string) error {
			return os.MkdirAll(filepath.Join(dir, "policies/fresh/x.yaml"), 0o755)
		}, "fresh/x.yaml"},
		{"file for a folder", func(t *testing.T, dir string) error {
			return os.WriteFile(filepath.Join(dir, "policies/fresh"), nil, 0o644)
		}, "fresh/x.yaml"},
		{"folder linked", func(t *testing.T, dir string) error { return os.Symlink("shop", filepath.Join(dir, "policies/fresh")) }, "fresh/x.yaml"},
		{"file linked", func(t *testing.T, dir string) error {
			if err := os.Remove(filepath.Join(dir, "policies/shop/api.yaml")); err != nil {
				return err
			}
			return os.Symlink("web.yaml", filepath.Join(dir, "policies/shop/api.yaml"))
		}, "shop/api.yaml"},
		{"socket", func(t *testing.T, dir string) error {
			return syscall.Mkfifo(filepath.Join(dir, "policies/shop/new.yaml"), 0o600)
		}, ""},
		{"stage is a link", func(t *testing.T, dir string) error {
			return os.Symlink("../intents", filepath.Join(dir, "policies", stageName))
		}, stageName},
		{"lock is a folder", func(t *testing.T, dir string) error {
			if err := os.Remove(filepath.Join(dir, lockPath)); err != nil {
				return err
			}
			return os.Mkdir(filepath.Join(dir, lockPath), 0o755)
		}, ""},
		{"overlay leaves the root", func(t *testing.T, dir string) error {
			if err := os.Rename(filepath.Join(dir, "policies"), filepath.Join(dir, "elsewhere")); err != nil {
				return err
			}
			return os.Symlink(t.TempDir(), filepath.Join(dir, "policies"))
		}, ""},
		{"overlay is a file", func(t *testing.T, dir string) error {
			if err := os.RemoveAll(filepath.Join(dir, "policies")); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "policies"), nil, 0o644)
		}, "."},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, dir := project(t)
			if err := c.setUp(t, dir); err != nil {
				t.Fatal(err)
			}
			files := wanted
			if c.name == "socket" {
				files = append(slices.Clone(wanted), File{"shop/new.yaml", []byte(header)})
				c.alien = "shop/new.yaml"
			}
			before := tree(t, dir)
			_, err := Write(t.Context(), root, "policies", files, lockPath, []byte("new lock\n"))
			var alien *AlienError
			if err == nil || errors.As(err, &alien) != (c.alien != "") || alien != nil && alien.Path != c.alien {
				t.Errorf("error is %v, want one about %q", err, c.alien)
			}
			if after := tree(t, dir); !slices.Equal(after, before) {
				t.Errorf("left\n%v\nbefore\n%v", after, before)
			}
		})
	}
}

// TestWriteKilled finds what a killed run left, and writes the rest.
func TestWriteKilled(t *testing.T) {
	root, dir := project(t)
	put(t, filepath.Join(dir, "policies", stageName, "new-0"), "half a fi")
	put(t, filepath.Join(dir, "policies", stageName, "old-1"), header)
	put(t, filepath.Join(dir, "intents/.kubeteus.lock.stage"), "half a lo")
	if _, err := Write(t.Context(), root, "policies", wanted, lockPath, []byte("new lock\n")); err != nil {
		t.Fatal(err)
	}
	for _, line := range tree(t, dir) {
		if strings.Contains(line, "stage") {
			t.Errorf("left %s", line)
		}
	}
}

func TestWriteBusy(t *testing.T) {
	root, dir := project(t)
	other := transaction{root: root, dir: "policies", stage: "policies/" + stageName}
	if err := other.open(); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	if _, err := Write(t.Context(), root, "policies", wanted, lockPath, []byte("new lock\n")); err == nil || !strings.Contains(err.Error(), "another kubeteus is writing") {
		t.Errorf("error is %v", err)
	}
	if !slices.Equal(tree(t, dir), before) {
		t.Error("a busy overlay was changed")
	}
	if err := other.finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), root, "policies", wanted, lockPath, []byte("new lock\n")); err != nil {
		t.Error(err)
	}
}

// mounted runs mount(8) and skips the test where that is not allowed.
func mounted(t *testing.T, target string, args ...string) {
	t.Helper()
	if out, err := exec.Command("mount", append(args, target)...).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", target).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
}

// TestWriteFullDisk fills a file system that is really small.
func TestWriteFullDisk(t *testing.T) {
	dir := t.TempDir()
	mounted(t, dir, "-t", "tmpfs", "-o", "size=256k", "tmpfs")
	populate(t, dir)
	before := tree(t, dir)
	files := slices.Clone(wanted)
	for i := range 40 {
		files = append(files, File{fmt.Sprintf("shop/p%02d.yaml", i), []byte(header + strings.Repeat("x", 16<<10))})
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close() // before it is unmounted
	_, err = Write(t.Context(), root, "policies", files, lockPath, []byte("new lock\n"))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v, want a full disk", err)
	}
	if after := tree(t, dir); !slices.Equal(after, before) {
		t.Errorf("left\n%v\nbefore\n%v", after, before)
	}
}

// TestWriteRollsBack fails at the very last rename: a file that something is
// mounted on cannot be replaced.
func TestWriteRollsBack(t *testing.T) {
	for _, name := range []string{lockPath, "policies/shop/api.yaml", "policies/kustomization.yaml"} {
		t.Run(name, func(t *testing.T) {
			root, dir := project(t)
			file := filepath.Join(dir, name)
			mounted(t, file, "--bind", file)
			before := tree(t, dir)
			_, err := Write(t.Context(), root, "policies", wanted, lockPath, []byte("new lock\n"))
			if !errors.Is(err, syscall.EBUSY) {
				t.Errorf("error is %v, want a busy file", err)
			}
			if after := tree(t, dir); !slices.Equal(after, before) {
				t.Errorf("left\n%v\nbefore\n%v", after, before)
			}
		})
	}
}
