package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/gitfs"
	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/scaffold"
	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// init looks at a repository as compile will, and writes what it needs to begin:
// nothing that is there already, and nothing that was not compiled first.

func initCommand() *cli.Command {
	return &cli.Command{
		Name: "init", Usage: "look at a repository and write what it needs to begin; overwrites nothing", ArgsUsage: "[DIR]",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "environment", Usage: "which of the environments is meant: a `NAME`, or its folder (repeatable)"},
			&cli.StringFlag{Name: "namespace", Usage: "`NAMESPACE` of the first intents, and of objects that name none"},
			&cli.StringFlag{Name: "gitops", Usage: "write what syncs the overlay: argocd or flux"},
			&cli.StringFlag{Name: "gitops-file", Usage: "write that to `FILE`, relative to DIR (default gitops/kubeteus-PROJECT.yaml)"},
			&cli.StringFlag{Name: "repo-url", Usage: "`URL` that the cluster reads the repository from (default the remote origin's)"},
			&cli.StringFlag{Name: "branch", Usage: "`BRANCH` that is synced and checked on push (default the repository's)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print what would be written, and write nothing"},
		},
		Action: initialise,
	}
}

// setup is one run of init.
type setup struct {
	c       *cli.Context
	ask     *questioner
	p       *project    // the project's folder, for positions
	place   gitfs.Place // of the project's folder; outside of a repository it is the top
	inRepo  bool
	root    *os.Root // of place.Top
	tree    fs.FS    // of the project's folder
	found   *compiler.Discovery
	files   []scaffold.File // to be written, relative to the project's folder
	config  bool            // whether kubeteus.yaml is among them
	project string          // its name
	kept    []string        // what is there already, relative to the project's folder
}

func initialise(c *cli.Context) error {
	if err := refuseInitFlags(c); err != nil {
		return err
	}
	s, err := newSetup(c)
	if err != nil {
		return err
	}
	defer s.root.Close()
	defer s.p.Close()
	for _, step := range []func(context.Context) error{s.discover, s.intents, s.workflow, s.gitops, s.write} {
		if err := step(c.Context); err != nil {
			return err
		}
	}
	return nil
}

func refuseInitFlags(c *cli.Context) error {
	if c.NArg() > 1 {
		return misused("give one folder", "unexpected argument %q", c.Args().Get(1))
	}
	gitops := c.String("gitops")
	if gitops != "" && gitops != "argocd" && gitops != "flux" {
		return misused("--gitops argocd or --gitops flux", "unknown controller %q", gitops)
	}
	for _, f := range []string{"repo-url", "gitops-file"} {
		if gitops == "" && c.IsSet(f) {
			return misused("add --gitops argocd or --gitops flux", "--%s is about what --gitops writes", f)
		}
	}
	if f := c.String("gitops-file"); f != "" && (!fs.ValidPath(path.Clean(filepath.ToSlash(f))) || path.Ext(f) != ".yaml" && path.Ext(f) != ".yml") {
		return misused("give a .yaml file inside of the project", "--gitops-file %s is none", f)
	}
	if b := c.String("branch"); c.IsSet("branch") {
		if err := scaffold.CheckBranch(b); err != nil {
			return misused("", "--branch: %v", err)
		}
	}
	return nil
}

func newSetup(c *cli.Context) (*setup, error) {
	dir := c.Args().First()
	if dir == "" {
		dir = "."
	}
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, misused("give the folder that holds the manifests", "%s does not exist", dir)
	}
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, misused("give the folder that holds the manifests", "%s is not a folder", dir)
	}
	s := &setup{c: c, ask: newQuestioner(c), p: &project{dir: abs}}
	s.place, err = gitfs.Locate(abs)
	s.inRepo = err == nil
	if errors.Is(err, fs.ErrNotExist) {
		s.place, err = gitfs.Place{Top: abs, Inside: "."}, nil
	}
	if err != nil {
		return nil, err
	}
	if s.root, err = os.OpenRoot(s.place.Top); err != nil {
		return nil, err
	}
	inside, err := s.p.open(abs)
	if err != nil {
		s.root.Close()
		return nil, err
	}
	s.tree = inside.FS()
	return s, nil
}

// has says whether something of the name is in the project's folder. A name that
// cannot be looked at, since it lies behind a link that leads out or a file, is
// for the writing to fail on.
func (s *setup) has(name string) bool {
	_, err := fs.Lstat(s.tree, name)
	return err == nil
}

// add has a file of the project's folder written, unless it is there.
func (s *setup) add(name string, data []byte) {
	if s.has(name) {
		s.kept = append(s.kept, name)
		return
	}
	s.files = append(s.files, scaffold.File{Path: name, Data: data})
}

// options are those of a compilation of the project with the files so far.
func (s *setup) options(more ...scaffold.File) compiler.Options {
	return compiler.Options{Project: scaffold.Shadow(s.tree, slices.Concat(s.files, more))}
}

// say prints what a person should know, as text of the input.
func (s *setup) say(format string, args ...any) {
	fmt.Fprintln(s.c.App.ErrWriter, "kubeteus: "+report.Escape(fmt.Sprintf(format, args...)))
}

// diagnose prints diagnostics, and fails if there are errors among them.
func (s *setup) diagnose(diags diag.List) error {
	err := report.Diagnostics(s.c.App.ErrWriter, diags, report.Options{Color: colours(s.c.App.ErrWriter), File: s.p.display, Line: s.p.line})
	if err == nil && diags.HasErrors() {
		return exit{code: exitRejected, err: errors.New("the manifests have errors; nothing was written")}
	}
	return err
}

// workflow adds the workflow, which lies at the repository's top.
func (s *setup) workflow(context.Context) error {
	name := "kubeteus.yml"
	if s.place.Inside != "." {
		name = "kubeteus-" + scaffold.Slug(s.place.Inside) + ".yml"
	}
	file := ".github/workflows/" + name
	up := strings.Repeat("../", strings.Count(s.place.Inside+"/", "/"))
	if s.place.Inside == "." {
		up = ""
	}
	if _, err := s.root.Lstat(file); err == nil {
		s.kept = append(s.kept, up+file)
		return nil
	}
	branch := s.branch()
	switch {
	case branch != "":
	case s.inRepo:
		s.say("no default branch is known here: the workflow is for main; --branch names another")
	default:
		s.say("not a git repository: the workflow runs where this folder is a repository's top, and is for main; --branch names another")
	}
	data, err := scaffold.Workflow(s.place.Inside, cmp.Or(branch, "main"), file)
	if err != nil {
		return err
	}
	s.files = append(s.files, scaffold.File{Path: up + file, Data: data})
	return nil
}

func (s *setup) branch() string {
	if b := s.c.String("branch"); b != "" {
		return b
	}
	if scaffold.CheckBranch(s.place.Branch) != nil {
		return ""
	}
	return s.place.Branch
}

// gitops adds what syncs the overlay.
func (s *setup) gitops(context.Context) error {
	controller := s.c.String("gitops")
	if controller == "" {
		return nil
	}
	raw := s.c.String("repo-url")
	if raw == "" {
		raw = s.place.URL
	}
	if raw == "" {
		return misused("--repo-url https://HOST/OWNER/REPOSITORY.git", "no remote origin says where the cluster reads the repository from")
	}
	address, err := scaffold.CleanURL(raw, controller == "flux")
	if err != nil {
		return misused("--repo-url https://HOST/OWNER/REPOSITORY.git", "the repository's address is of no use to a cluster: %v", err)
	}
	branch := s.branch()
	if branch == "" {
		return misused("--branch NAME", "no default branch is known here")
	}
	source := scaffold.Source{Project: s.project, URL: address, Branch: branch, Path: path.Join(s.place.Inside, s.found.Overlay)}
	draw := scaffold.Argo
	if controller == "flux" {
		draw = scaffold.Flux
	}
	data, err := draw(source)
	if err != nil {
		return err
	}
	name := path.Clean(filepath.ToSlash(s.c.String("gitops-file")))
	if name == "." {
		name = "gitops/kubeteus-" + s.project + ".yaml"
	}
	s.add(name, data)
	return nil
}

// show is a file of the project's folder as people in the working folder name it:
// inside of one repository always relative, since the workflow lies at its top,
// however far up that is.
func (s *setup) show(file string) string {
	shown := s.p.display(file)
	wd, err := os.Getwd()
	if err != nil || !filepath.IsAbs(shown) {
		return shown
	}
	wd = resolved(wd)
	if _, inside := within(s.place.Top, wd); !inside {
		return shown
	}
	if rel, err := filepath.Rel(wd, filepath.Join(s.p.dir, filepath.FromSlash(file))); err == nil {
		return rel
	}
	return shown
}

// write writes all files, or prints them, and says what is next.
func (s *setup) write(context.Context) error {
	out := s.c.App.Writer
	files := make([]scaffold.File, len(s.files))
	for i, f := range s.files {
		files[i] = scaffold.File{Path: path.Join(s.place.Inside, f.Path), Data: f.Data}
	}
	verb := "wrote"
	if s.c.Bool("dry-run") {
		verb = "would write"
	} else if err := scaffold.Write(s.root, files); err != nil {
		return exit{code: exitFailed, err: fmt.Errorf("%w; nothing was written", err), hint: "init writes inside of the repository alone, and follows no link that leads out"}
	}
	for _, f := range s.files {
		fmt.Fprintf(out, "%s  %s\n", verb, report.Escape(s.show(f.Path)))
		if !s.c.Bool("dry-run") {
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			fmt.Fprintln(out, strings.TrimRight("    "+report.Escape(strings.TrimRight(line, "\n")), " "))
		}
	}
	for _, k := range s.kept {
		fmt.Fprintf(out, "kept   %s\n", report.Escape(s.show(k)))
	}
	if len(files) == 0 {
		fmt.Fprintln(out, "nothing to write: all of it is there")
	} else if !s.c.Bool("dry-run") {
		s.next()
	}
	return nil
}

// next says what to do now.
func (s *setup) next() {
	out := s.c.App.Writer
	fmt.Fprintf(out, "\nnext:\n  kubeteus compile %s\n      says how the statements are understood, and writes %s and the lock\n",
		report.Escape(s.p.display("intents")), report.Escape(s.p.display(s.found.Overlay)))
	fmt.Fprintln(out, "  commit all of it: the workflow checks every pull request from then on")
	switch s.c.String("gitops") {
	case "":
		fmt.Fprintln(out, "  kubeteus init --gitops argocd|flux\n      writes what syncs the policies to a cluster")
	case "argocd":
		fmt.Fprintln(out, "  kubectl apply the Application once the overlay is on the branch")
	case "flux":
		fmt.Fprintln(out, "  kubectl apply the GitRepository and the Kustomization once the overlay is on the branch")
	}
}
