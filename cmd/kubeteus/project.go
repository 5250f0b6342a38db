package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/gitfs"
	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/load"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// project is a project's folder as the command line names it, and the open
// roots of everything that is read and written. Close gives them back.
type project struct {
	dir   string // absolute
	roots []*os.Root
	disk  *os.Root // what the overlay and the lock are written below
	opts  compiler.Options
}

func (p *project) Close() {
	for _, r := range p.roots {
		r.Close()
	}
}

func projectFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "manifests", Usage: "read manifests from `DIR` instead of looking for them (repeatable)"},
		&cli.StringSliceFlag{Name: "inventory", Usage: "read the cluster's inventory from `FILE` or folder (repeatable; default inventory.yaml)"},
		&cli.StringFlag{Name: "target", Usage: "policy API: auto (the default), kubernetes, cilium or calico"},
		&cli.StringFlag{Name: "out", Usage: "overlay `DIR` (default policies beside the intents folder)"},
	}
}

// openProject finds the project from the argument: the intents folder, the folder
// that holds intents/, or a file of the intents folder, which stands for the whole
// of it, since one overlay carries all intents of a project.
func openProject(c *cli.Context, arg string) (*project, error) {
	if arg == "" {
		arg = "."
	}
	abs, err := filepath.Abs(arg)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, misused("give the folder that holds the intent sets: "+example(c, "intents"), "%s does not exist", arg)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		abs = filepath.Dir(abs)
	}
	if held, err := os.Stat(filepath.Join(abs, "intents")); err == nil && held.IsDir() && filepath.Base(abs) == "intents" {
		return nil, misused("move "+filepath.Join(arg, "intents")+" away: intents lie in one folder", "%s is a folder of intents, and holds another", arg)
	}
	p := &project{dir: filepath.Dir(abs)}
	inside := filepath.Base(abs)
	if held, err := os.Stat(filepath.Join(abs, "intents")); err == nil && held.IsDir() {
		p.dir, inside = abs, "intents"
	} else if arg == "." && inside != "intents" {
		return nil, misused(elsewhere(c, abs), "there is no intents folder here")
	}
	root, err := p.open(p.dir)
	if err != nil {
		return nil, err
	}
	p.opts = compiler.Options{Project: root.FS(), Intents: filepath.ToSlash(inside), Target: c.String("target")}
	if err := p.sources(c); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// example is the command that was run, with a folder. Only a folder that is written
// as one is told from a revision.
func example(c *cli.Context, folder string) string {
	before := ""
	if c.Command.Name == "explain" {
		before = "FROM TO "
	}
	return "kubeteus " + c.Command.Name + " " + before + "./" + report.Escape(folder)
}

// elsewhere says how to name a project from a folder that is none, and which there
// are below it.
func elsewhere(c *cli.Context, dir string) string {
	const named = 5
	found := projectsBelow(dir)
	if len(found) == 0 {
		return "run it where intents/ lies, or give the folder: " + example(c, "intents")
	}
	hint := "give the folder of a project: " + example(c, found[0])
	if len(found) == 1 {
		return hint
	}
	var names []string
	for _, f := range found[:min(named, len(found))] {
		names = append(names, report.Escape(f))
	}
	if len(found) > named {
		names = append(names, "and more")
	}
	return hint + "; here are " + strings.Join(names, ", ")
}

// projectsBelow are the folders one or two down that hold intents, sorted. A folder
// that cannot be read has none, and a large repository is not searched to its end.
func projectsBelow(dir string) []string {
	const most = 2000 // folders looked into
	var found []string
	looked := 0
	var visit func(inside string, depth int)
	visit = func(inside string, depth int) {
		entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(inside)))
		if err != nil {
			return
		}
		for _, e := range entries {
			if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || looked == most {
				continue
			}
			looked++
			below := path.Join(inside, e.Name())
			if held, err := os.Stat(filepath.Join(dir, filepath.FromSlash(below), "intents")); err == nil && held.IsDir() {
				found = append(found, below)
			} else if depth < 2 {
				visit(below, depth+1)
			}
		}
	}
	visit("", 1)
	slices.Sort(found)
	return found
}

func (p *project) open(dir string) (*os.Root, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	p.roots = append(p.roots, r)
	return r, nil
}

// sources turns --manifests, --inventory and --out into trees.
func (p *project) sources(c *cli.Context) error {
	var err error
	for _, dir := range c.StringSlice("manifests") {
		if p.opts.Manifests, err = p.tree(p.opts.Manifests, "--manifests", dir); err != nil {
			return err
		}
	}
	for _, file := range c.StringSlice("inventory") {
		if p.opts.Inventory, err = p.tree(p.opts.Inventory, "--inventory", file); err != nil {
			return err
		}
	}
	for _, dir := range c.StringSlice("guardrails") {
		if p.opts.Guardrails, err = p.tree(p.opts.Guardrails, "--guardrails", dir); err != nil {
			return err
		}
	}
	return p.output(c.String("out"))
}

// bind takes what a pull request does not choose from --base.
func (p *project) bind(c *cli.Context) error {
	rev := c.String("base")
	if rev == "" {
		return nil
	}
	if c.IsSet("guardrails") {
		return misused("leave --guardrails out: --base says where they come from", "--guardrails and --base contradict each other")
	}
	var err error
	p.opts.Base, err = base(p.dir, rev)
	return err
}

// base is the project's tree in a revision. A project that the revision does not
// have, because it was moved, linked or is new, has nothing there that it could be
// held against, which is an error and no empty tree.
func base(dir, rev string) (fs.FS, error) {
	tree, err := gitfs.Open(dir, rev)
	var e *gitfs.Error
	if errors.As(err, &e) {
		return nil, misused(cmp.Or(e.Hint, "give a revision that has the project at the same place; for a project that is new, leave --base out"), "--base %s: %s", rev, e.Message)
	}
	return tree, err
}

// settingsTree is where the model's settings are read: the base revision, if one
// is given, since a pull request does not choose who is sent the key.
func (p *project) settingsTree() fs.FS {
	if p.opts.Base != nil {
		return p.opts.Base
	}
	return p.opts.Project
}

func (p *project) tree(trees []load.Tree, flag, name string) ([]load.Tree, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, misused("", "%s %s does not exist", flag, name)
	}
	if err != nil {
		return nil, err
	}
	if rel, ok := within(p.dir, abs); ok {
		return append(trees, load.Tree{FS: p.opts.Project, Path: rel}), nil
	}
	dir, inside := abs, "."
	if !info.IsDir() {
		dir, inside = filepath.Dir(abs), filepath.Base(abs)
	}
	root, err := p.open(dir)
	if err != nil {
		return nil, err
	}
	return append(trees, load.Tree{FS: root.FS(), Name: filepath.ToSlash(dir), Path: inside}), nil
}

// output finds the overlay's folder. Where --out leads outside of the project,
// everything is written below the nearest folder that holds both.
func (p *project) output(out string) error {
	p.disk = p.roots[0]
	if out == "" {
		return nil
	}
	abs, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if rel, ok := within(p.dir, abs); ok {
		if rel == "." || rel == p.opts.Intents {
			return misused("the overlay needs a folder of its own", "--out %s holds other files", out)
		}
		p.opts.Overlay = rel
		return nil
	}
	base := p.dir
	for {
		if _, ok := within(base, abs); ok {
			break
		}
		base = filepath.Dir(base)
	}
	root, err := p.open(base)
	if err != nil {
		return err
	}
	overlay, _ := within(base, abs)
	prefix, _ := within(base, p.dir)
	p.opts.Overlay, p.disk = filepath.ToSlash(abs), root
	p.opts.Disk = compiler.Disk{FS: root.FS(), Overlay: overlay, Prefix: prefix}
	return nil
}

// write lets the compilation write.
func (p *project) write() { p.opts.Disk.Root = p.disk }

// within returns abs relative to dir, slash-separated, if it lies inside.
func within(dir, abs string) (string, bool) {
	rel, err := filepath.Rel(dir, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// display turns a position's file into a path relative to the working folder.
func (p *project) display(file string) string {
	if file == "" {
		return ""
	}
	abs := filepath.FromSlash(file)
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(p.dir, abs)
	}
	wd, err := os.Getwd()
	if err != nil {
		return file
	}
	if rel, err := filepath.Rel(wd, abs); err == nil && !strings.HasPrefix(rel, ".."+string(filepath.Separator)+"..") {
		return rel
	}
	return abs
}

// line returns line n of an input file, for quoting, or "".
func (p *project) line(file string, n int) string {
	abs := filepath.FromSlash(file)
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(p.dir, abs)
	}
	if info, err := os.Stat(abs); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return ""
	}
	data, err := os.ReadFile(abs)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(data), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[n-1], "\r")
}
