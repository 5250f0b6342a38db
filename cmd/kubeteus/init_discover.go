package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/cmd/kubeteus/internal/scaffold"
	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/policy"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// questioner asks a person at a terminal; elsewhere it does not ask.
type questioner struct {
	in  *bufio.Reader // nil: nobody is there
	out io.Writer
}

func newQuestioner(c *cli.Context) *questioner {
	q := &questioner{out: c.App.ErrWriter}
	if in, ok := c.App.Reader.(io.Writer); ok && isTerminal(in) {
		q.in = bufio.NewReaderSize(c.App.Reader, 1<<10)
	}
	return q
}

// choose asks for one of several; "" says that there was no answer.
func (q *questioner) choose(question string, options []string) (string, error) {
	const tries = 3
	if q.in == nil {
		return "", nil
	}
	fmt.Fprintln(q.out, question)
	for i, o := range options {
		fmt.Fprintf(q.out, "  %d  %s\n", i+1, report.Escape(o))
	}
	for range tries {
		fmt.Fprintf(q.out, "number (1-%d): ", len(options))
		line, err := q.in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 || errors.Is(err, bufio.ErrBufferFull) {
			fmt.Fprintln(q.out)
			return "", nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("reading the answer: %w", err)
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(line))); err == nil && n >= 1 && n <= len(options) {
			return options[n-1], nil
		}
	}
	return "", nil
}

// discover looks at the manifests, and settles which of them are meant, which
// namespace those live in that name none, and where the overlay goes.
func (s *setup) discover(ctx context.Context) error {
	if s.has(compiler.ConfigName) {
		s.kept = append(s.kept, compiler.ConfigName)
	}
	namespace := s.c.String("namespace")
	find := func() (err error) {
		s.found, err = compiler.Discover(ctx, s.options(), namespace)
		return err
	}
	if err := find(); err != nil {
		return err
	}
	overlay := s.freeOverlay()
	var manifests []string
	if len(s.found.Dispute.Pairs) > 0 {
		var err error
		if manifests, err = s.environment(); err != nil {
			return err
		}
	} else if len(s.c.StringSlice("environment")) > 0 {
		return misused("leave --environment out", "there are no environments to choose from: no object comes from two places")
	}
	if err := s.configure(manifests, overlay); err != nil {
		return err
	}
	if s.config {
		if err := find(); err != nil {
			return err
		}
	}
	if nameless(s.found.Diags) {
		var err error
		if namespace, err = s.namespaceOfNameless(ctx); err != nil {
			return err
		}
		if err := find(); err != nil {
			return err
		}
	}
	if err := s.diagnose(s.found.Diags); err != nil {
		return err
	}
	if len(s.found.Inventory.Workloads) == 0 {
		return s.nothing()
	}
	return nil
}

// configure adds kubeteus.yaml where something is to be said in it.
func (s *setup) configure(manifests []string, overlay string) error {
	if len(manifests) == 0 && overlay == "" {
		return nil
	}
	data, err := scaffold.Config(manifests, overlay)
	if err != nil {
		return err
	}
	if s.has(compiler.ConfigName) {
		return exit{code: exitRejected, err: fmt.Errorf("%s is there, and lacks what is needed; nothing was written", compiler.ConfigName),
			hint: "it needs these lines: " + strings.Join(strings.Fields(configLines(manifests, overlay)), " ")}
	}
	s.config = true
	s.add(compiler.ConfigName, data)
	return nil
}

func configLines(manifests []string, overlay string) string {
	var out []string
	if len(manifests) > 0 {
		out = append(out, fmt.Sprintf("manifests: %q", manifests))
	}
	if overlay != "" {
		out = append(out, fmt.Sprintf("clusters: [{overlay: %q}]", overlay))
	}
	return strings.Join(out, "  and  ")
}

// freeOverlay returns a folder for the overlay if the usual one is somebody
// else's; what lies there would not be read as manifests, either.
func (s *setup) freeOverlay() string {
	if s.found.Overlay != "policies" || !s.has("policies") {
		return ""
	}
	data, err := readSome(s.tree, "policies/kustomization.yaml")
	if err == nil && strings.HasPrefix(data, policy.Header) {
		return ""
	}
	for _, name := range []string{"network-policies", "kubeteus-policies", "kubeteus-overlay"} {
		if !s.has(name) {
			return name
		}
	}
	return ""
}

// readSome reads the beginning of a file.
func readSome(tree fs.FS, name string) (string, error) {
	f, err := tree.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, fs.ErrInvalid)
	}
	data, err := io.ReadAll(io.LimitReader(f, 1<<10))
	return string(data), err
}

// environment settles which sources of the same objects are meant.
func (s *setup) environment() ([]string, error) {
	e := scaffold.NewEnvironments(s.found.Dispute)
	var choices []string
	for _, c := range s.c.StringSlice("environment") {
		choices = append(choices, s.inProject(c, e))
	}
	if c := e.Unused(choices); c != "" {
		return nil, misused("environments are "+strings.Join(e.Open(nil), ", "), "there is no environment %q", c)
	}
	for group := e.Open(choices); group != nil; group = e.Open(choices) {
		answer, err := s.ask.choose("The same objects come from several places. Which of them does the cluster get?", group)
		if err != nil {
			return nil, err
		}
		if answer == "" {
			return nil, misused("say which one is meant: --environment "+strings.Join(group, "  or  --environment "),
				"the same objects come from %d places, and which of them the cluster gets is not for kubeteus to guess", len(group))
		}
		choices = append(choices, answer)
	}
	manifests, conflict := e.Manifests(choices)
	if conflict[0] != "" {
		return nil, misused("name one of them by its folder: --environment "+conflict[0], "--environment means both %s and %s, which show the same objects", conflict[0], conflict[1])
	}
	return manifests, nil
}

// inProject makes a folder that is given as a path relative to where the command
// runs one that is relative to the project; names stay as they are.
func (s *setup) inProject(choice string, e *scaffold.Environments) string {
	if e.Unused([]string{choice}) == "" {
		return choice
	}
	if abs, err := filepath.Abs(choice); err == nil {
		if abs, err = filepath.EvalSymlinks(abs); err == nil {
			if rel, ok := within(s.p.dir, abs); ok && e.Unused([]string{rel}) == "" {
				return rel
			}
		}
	}
	return choice
}

// nameless says whether objects lack a namespace, and nothing else is wrong.
func nameless(diags diag.List) bool {
	found := false
	for _, d := range diags {
		if d.Severity == diag.Error && d.ID != diag.ManifestNamespace {
			return false
		}
		found = found || d.ID == diag.ManifestNamespace
	}
	return found
}

// namespaceOfNameless settles the namespace of objects that name none: the only
// one that the others show, or what a person says.
func (s *setup) namespaceOfNameless(ctx context.Context) (string, error) {
	const stand = "default" // while the others are looked for
	d, err := compiler.Discover(ctx, s.options(), stand)
	if err != nil {
		return "", err
	}
	if d.Inventory == nil {
		return "", s.diagnose(d.Diags)
	}
	var known []string
	for _, n := range d.Inventory.Namespaces {
		if n.Name != stand && !strings.HasPrefix(n.Name, "kube-") {
			known = append(known, n.Name)
		}
	}
	if len(known) == 1 {
		s.say("objects that name no namespace are taken to be in %s, the only one that the others show; --namespace says otherwise", known[0])
		return known[0], nil
	}
	answer, err := s.ask.choose("Some objects name no namespace. Which one do they live in? (--namespace names another)", append(known, stand))
	if err == nil && answer == "" {
		err = misused("--namespace NAME", "some objects name no namespace, and which one the cluster puts them in is not for kubeteus to guess")
	}
	return answer, err
}

// nothing says that there is nothing to begin with, and what was not read.
func (s *setup) nothing() error {
	hint := "give the folder that holds the manifests: kubeteus init DIR"
	if slices.ContainsFunc(s.found.Diags, func(d diag.Diagnostic) bool {
		return d.ID == diag.ManifestSkipped && strings.Contains(d.Message, "Helm chart")
	}) {
		hint = "Helm charts are not read yet: commit what they render to, helm template NAME CHART > manifests/NAME.yaml"
	}
	return exit{code: exitRejected, err: errors.New("no workload is found here: no Deployment, StatefulSet, DaemonSet, Job, CronJob or Pod; nothing was written"), hint: hint}
}

// intents adds a first intents file: the first of the proposals that compiles
// without a complaint.
func (s *setup) intents(ctx context.Context) error {
	if kept, err := s.hasIntents(); err != nil || kept {
		if n := s.c.String("namespace"); kept && n != "" {
			s.say("there are intents already, and nothing is added to them: those of namespace %s go into a file of their own beside them", n)
		}
		return err
	}
	namespaces := scaffold.Namespaces(s.found.Inventory)
	if n := s.c.String("namespace"); n != "" {
		if s.found.Inventory.Namespace(n) == nil {
			return misused("namespaces are "+strings.Join(namespaces, ", "), "nothing lives in the namespace %q", n)
		}
		namespaces = []string{n}
	}
	if len(namespaces) > 1 {
		s.say("the first intents are about %s; a file for each of %s can follow, or --namespace names another", namespaces[0], strings.Join(namespaces[1:], ", "))
	}
	name := namespaces[0]
	if name == "default" {
		name = cmp.Or(scaffold.Slug(filepath.Base(s.p.dir)), name)
	}
	if name != scaffold.Slug(name) {
		return exit{code: exitRejected, err: fmt.Errorf("the namespace %q is no name for a file; nothing was written", name), hint: "--namespace NAME chooses another"}
	}
	var last *compiler.Result
	for _, set := range scaffold.Propose(s.found.Inventory, s.found.Connections, name, namespaces[0]) {
		data, err := set.Render()
		if err != nil {
			return err
		}
		file := scaffold.File{Path: path.Join("intents", name+".yaml"), Data: data}
		if last, err = compiler.Compile(ctx, s.options(file)); err != nil {
			return err
		}
		if last.Clean && !complains(last.Diags) {
			s.project = last.Project
			s.add(file.Path, file.Data)
			if set.Explicit {
				s.say("no statement that closes something could be proven to cut nothing: the first one closes nothing")
			}
			return nil
		}
	}
	if err := s.diagnose(last.Diags); err != nil {
		return err
	}
	return exit{code: exitRejected, err: errors.New("no first statement compiles here; nothing was written")}
}

func complains(diags diag.List) bool {
	return slices.ContainsFunc(diags, func(d diag.Diagnostic) bool { return d.Severity == diag.Warning })
}

// hasIntents says whether there are intents already. They stay, whatever they say.
func (s *setup) hasIntents() (bool, error) {
	entries, err := fs.ReadDir(s.tree, "intents")
	if errors.Is(err, fs.ErrNotExist) && !s.has("intents") {
		return false, nil
	}
	if err != nil {
		return false, exit{code: exitFailed, err: fmt.Errorf("intents is no folder that can be read: %w; nothing was written", err)}
	}
	found := false
	for _, e := range entries {
		if ext := path.Ext(e.Name()); !strings.HasPrefix(e.Name(), ".") && (ext == ".yaml" || ext == ".yml") {
			s.kept, found = append(s.kept, path.Join("intents", e.Name())), true
		}
	}
	s.project = cmp.Or(scaffold.Slug(s.found.Project), "policies")
	return found, nil
}
