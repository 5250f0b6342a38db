package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kubeteus/kubeteus/compiler"
	"github.com/kubeteus/kubeteus/compiler/read/cache"
	"github.com/kubeteus/kubeteus/compiler/read/chat"
	"github.com/kubeteus/kubeteus/compiler/read/openai"
	"github.com/kubeteus/kubeteus/compiler/read/replay"
	"github.com/kubeteus/kubeteus/compiler/report"
)

// This file chooses the reader, and builds the chain of what asks a model:
//
//	repair (compiler/read/repair) -> record -> cache -> openai
//
// or replay in place of the last three.

const defaultBaseURL = "https://api.openai.com/v1"

func modelFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "reader", Value: "auto", Usage: "what reads statements: english (embedded), openai (any OpenAI-compatible server), replay (recorded answers), or auto: openai where a model is named, else english"},
		&cli.StringFlag{Name: "model", Usage: "`NAME` of the model, as the server knows it (default: kubeteus.yaml's)"},
		&cli.StringFlag{Name: "base-url", Usage: "`URL` of an OpenAI-compatible API (default: kubeteus.yaml's, else " + defaultBaseURL + ")"},
		&cli.StringFlag{Name: "api-version", Usage: "Azure OpenAI's API `VERSION`; set for Azure alone"},
		&cli.BoolFlag{Name: "insecure", Usage: "allow plain http to a server that is not this machine: the key and the statements can be read on the way"},
		&cli.StringFlag{Name: "api-key-file", Usage: "read the key from `FILE` instead of KUBETEUS_API_KEY"},
		&cli.IntFlag{Name: "attempts", DefaultText: "3", Usage: "answers asked for until one is taken"},
		&cli.IntFlag{Name: "samples", DefaultText: "1", Usage: "independent answers that have to agree"},
		&cli.IntFlag{Name: "shortlist-tokens", DefaultText: "4000", Usage: "most that is told of the inventory; a statement that points at more is refused"},
		&cli.BoolFlag{Name: "redact", Usage: "send stand-ins for the names of workloads, namespaces, Services, labels and ports"},
		&cli.IntFlag{Name: "parallel", Value: 8, Usage: "statements asked about side by side"},
		&cli.DurationFlag{Name: "call-timeout", Value: time.Minute, Usage: "time limit of one answer"},
		&cli.DurationFlag{Name: "time-limit", Value: 15 * time.Minute, Usage: "time limit of the run"},
		&cli.IntFlag{Name: "max-tokens", DefaultText: "no limit", Usage: "stop before the run has used more tokens than this, prompts and answers"},
		&cli.StringFlag{Name: "cache", Usage: "keep answers in `DIR` (default: a folder of the user's cache; off: nowhere)"},
		&cli.StringFlag{Name: "record", Usage: "keep requests and answers as readable files in `DIR`"},
		&cli.StringFlag{Name: "replies", Usage: "answer from the files that --record kept in `DIR`"},
	}
}

// asker is what stands between the compiler and a model. Close gives its folders
// back.
type asker struct {
	settings compiler.Settings
	client   *openai.Client // nil when answers are replayed
	cache    *cache.Cache
	recorder *replay.Recorder
	model    *compiler.Model
	roots    []*os.Root
}

func (a *asker) Close() {
	if a == nil {
		return
	}
	for _, r := range a.roots {
		r.Close()
	}
}

// options are the compiler's; none where the embedded reader reads.
func (a *asker) options() *compiler.Model {
	if a == nil {
		return nil
	}
	return a.model
}

// limit is the run's time limit, where a model is asked.
func (a *asker) limit(c *cli.Context) (context.Context, context.CancelFunc) {
	if a == nil || a.client == nil {
		return context.WithCancel(c.Context)
	}
	return context.WithTimeout(c.Context, c.Duration("time-limit"))
}

// ended words the end of a run that somebody, or a limit, interrupted; nil where
// the run has another end.
func (a *asker) ended(c *cli.Context, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return exit{code: exitFailed, err: interrupted(c.Command.Name), hint: a.resume()}
	case errors.Is(err, context.DeadlineExceeded):
		return exit{code: exitFailed, err: fmt.Errorf("the run took longer than --time-limit %s%s", c.Duration("time-limit"), unwritten(c.Command.Name)), hint: a.resume()}
	}
	return nil
}

// resume says how to go on after a run that a server stopped.
func (a *asker) resume() string {
	switch {
	case a == nil || a.client == nil:
		return ""
	case a.cache == nil:
		return "nothing that was answered is kept, as the cache is off"
	case a.cache.Hits() == 0 && a.answered() == 0:
		return ""
	}
	return "run it again: what was answered is kept in the cache, and not asked twice"
}

// answered is the number of tokens that the server has answered.
func (a *asker) answered() int {
	_, n := a.client.Used()
	return n
}

// tell says on a terminal what was asked, and anywhere that the cache is broken.
func (a *asker) tell(c *cli.Context) {
	if a == nil {
		return
	}
	w := c.App.ErrWriter
	if a.client != nil && isTerminal(w) {
		prompt, completion := a.client.Used()
		hits := 0
		if a.cache != nil {
			hits = a.cache.Hits()
		}
		fmt.Fprintf(w, "%s: %d tokens asked, %d answered, %d answers from the cache\n", report.Escape(a.settings.Name), prompt, completion, hits)
	}
	if a.cache != nil && a.cache.Err() != nil {
		fmt.Fprintf(w, "kubeteus: answers could not be kept: %s\n", report.Escape(a.cache.Err().Error()))
	}
	if a.recorder != nil && a.recorder.Err() != nil {
		fmt.Fprintf(w, "kubeteus: the record is not whole: %s\n", report.Escape(a.recorder.Err().Error()))
	}
}

// refuseModelFlags refuses flags that contradict each other.
func refuseModelFlags(c *cli.Context) error {
	reader := cmp.Or(c.String("reader"), "auto")
	if !slices.Contains([]string{"auto", "english", "openai", "replay"}, reader) {
		return misused("readers are auto, english, openai and replay", "unknown reader %q", reader)
	}
	for _, name := range []string{"attempts", "samples", "shortlist-tokens", "max-tokens", "parallel"} {
		if c.Int(name) < 0 || c.IsSet(name) && c.Int(name) == 0 {
			return misused("", "--%s is a number above 0", name)
		}
	}
	for _, name := range []string{"call-timeout", "time-limit"} {
		if c.IsSet(name) && c.Duration(name) <= 0 {
			return misused("", "--%s is a time above 0, such as 30s", name)
		}
	}
	for _, name := range []string{"model", "base-url", "api-version", "insecure", "api-key-file", "attempts", "samples", "shortlist-tokens", "redact", "parallel", "call-timeout", "time-limit", "max-tokens", "cache", "record", "replies", "dump"} {
		if reader == "english" && c.IsSet(name) {
			return misused("leave one of them out", "--%s is for a model, and --reader english asks none", name)
		}
	}
	if c.IsSet("replies") && reader == "openai" {
		return misused("leave one of them out", "--replies answers from a recording, and --reader openai asks a server")
	}
	for _, name := range []string{"record", "cache", "base-url", "api-key-file", "max-tokens"} {
		if c.IsSet("replies") && c.IsSet(name) {
			return misused("leave one of them out", "--%s is for a server, and --replies asks none", name)
		}
	}
	return nil
}

// dumpPrompts prints what a model would be sent.
func dumpPrompts(c *cli.Context, p *project, a *asker) error {
	if a == nil || a.client == nil {
		return misused("give --model NAME", "--dump prompt needs a model to be asked")
	}
	requests, result, err := compiler.Prompts(c.Context, p.opts)
	if err != nil {
		return err
	}
	if err := diagnostics(c, p, result); err != nil {
		return err
	}
	w := c.App.Writer
	for i, r := range requests {
		url, body := a.client.Body(r)
		fmt.Fprintf(w, "# %s\nPOST %s\n%s\n", report.Escape(r.Intent), report.Escape(url), body)
		for _, m := range r.Messages {
			if i > 0 && m.Role == "system" {
				continue // the same for every statement
			}
			fmt.Fprintf(w, "\n## %s, as text\n", report.Escape(m.Role))
			for line := range strings.Lines(m.Content) {
				fmt.Fprintln(w, report.Escape(strings.TrimRight(line, "\r\n")))
			}
		}
		fmt.Fprintln(w)
	}
	if len(requests) == 0 && !result.Diags.HasErrors() {
		fmt.Fprintln(w, "# nothing would be sent: the lock knows every statement")
	}
	if result.Errors() > 0 {
		return exit{code: exitRejected}
	}
	return nil
}

// choose returns which reader the flags and kubeteus.yaml ask for, and the
// model's settings.
func choose(c *cli.Context, p *project) (string, compiler.Settings, error) {
	settings, diags, err := compiler.ModelSettings(p.settingsTree())
	if err != nil {
		return "", settings, err
	}
	if diags.HasErrors() {
		return "english", settings, nil // Compile finds the same, and says it
	}
	fromTree := settings.BaseURL != "" && c.String("base-url") == "" || settings.Name != "" && c.String("model") == ""
	settings.Name = cmp.Or(c.String("model"), settings.Name)
	settings.BaseURL = cmp.Or(c.String("base-url"), settings.BaseURL, defaultBaseURL)
	settings.APIVersion = cmp.Or(c.String("api-version"), settings.APIVersion)
	settings.Attempts = cmp.Or(c.Int("attempts"), settings.Attempts)
	settings.Samples = cmp.Or(c.Int("samples"), settings.Samples)
	settings.MaxTokens = cmp.Or(c.Int("max-tokens"), settings.MaxTokens)
	settings.Redact = settings.Redact || c.Bool("redact")
	settings.Insecure = settings.Insecure || c.Bool("insecure")
	reader := c.String("reader")
	if reader == "auto" {
		reader = "english"
		switch {
		case c.String("replies") != "":
			reader = "replay"
		case settings.Name != "":
			reader = "openai"
		}
	}
	if reader == "english" && c.String("reader") == "auto" && settings.BaseURL != defaultBaseURL {
		return "", settings, misused("give --model NAME, or model: {name: ...} in kubeteus.yaml", "there is a base URL, and no model to ask there")
	}
	if reader == "openai" {
		if settings.Name == "" {
			return "", settings, misused("give --model NAME, or model: {name: ...} in kubeteus.yaml", "--reader openai needs a model")
		}
		if fromTree && p.opts.Base == nil && unreviewed() {
			return "", settings, misused("give --base with the base branch, whose kubeteus.yaml is then used, or --model and --base-url",
				"in CI the model and its address would come from the pull request itself")
		}
	}
	return reader, settings, nil
}

// unreviewed says whether what is checked out may be somebody's proposal: in CI, but
// for events that only what was merged gives rise to.
func unreviewed() bool {
	merged := []string{"push", "schedule", "workflow_dispatch"}
	return (os.Getenv("CI") != "" || os.Getenv("GITHUB_ACTIONS") != "" || os.Getenv("GITLAB_CI") != "" || os.Getenv("GITHUB_EVENT_NAME") != "") &&
		!slices.Contains(merged, os.Getenv("GITHUB_EVENT_NAME"))
}

// ask builds the chain for a run that reads statements with a model, and returns
// nil where the embedded reader reads.
func ask(c *cli.Context, p *project) (*asker, error) {
	reader, settings, err := choose(c, p)
	if err != nil || reader == "english" {
		return nil, err
	}
	a := &asker{settings: settings, model: &compiler.Model{Reader: reader, Name: settings.Name, Attempts: settings.Attempts,
		Samples: settings.Samples, Budget: c.Int("shortlist-tokens"), Redact: settings.Redact, Parallel: c.Int("parallel")}}
	if reader == "replay" {
		err = a.replay(c.String("replies"))
	} else {
		err = a.online(c, p)
	}
	if err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *asker) replay(dir string) error {
	if dir == "" {
		return misused("give --replies DIR, a folder that --record wrote", "--reader replay needs recorded answers")
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return misused("record one with --record DIR", "--replies %s does not exist", dir)
	}
	if err != nil {
		return err
	}
	a.roots = append(a.roots, root)
	replies, err := replay.Open(root.FS())
	var broken *replay.FileError
	if errors.As(err, &broken) {
		return exit{code: exitRejected, err: fmt.Errorf("--replies %s: %w", dir, err), hint: "record it again with --record"}
	}
	if err != nil {
		return err
	}
	a.model.Completer = replies
	return nil
}

// online builds what asks a server.
func (a *asker) online(c *cli.Context, p *project) error {
	key, from, err := readKey(c, a.settings)
	if err != nil {
		return err
	}
	s := a.settings
	a.client, err = openai.New(openai.Options{BaseURL: s.BaseURL, Model: s.Name, Key: key, KeyFrom: from, Azure: s.APIVersion != "", APIVersion: s.APIVersion,
		Insecure: s.Insecure, Timeout: c.Duration("call-timeout"), MaxTokens: s.MaxTokens})
	if err != nil {
		var e *chat.Error
		if errors.As(err, &e) {
			return misused(e.Hint, "%s", e.Message)
		}
		return err
	}
	var completer chat.Completer = a.client
	if dir, err := cacheFolder(c.String("cache")); err != nil {
		return err
	} else if dir != "" {
		root, err := a.folder(dir)
		if err != nil {
			return fmt.Errorf("opening the cache: %w", err)
		}
		a.cache = cache.New(root, strings.Join([]string{s.BaseURL, s.Name, s.APIVersion}, "\x00"), completer)
		completer = a.cache
	}
	if dir := c.String("record"); dir != "" {
		if err := ownFolder(p, dir); err != nil {
			return err
		}
		root, err := a.folder(dir)
		if err != nil {
			return fmt.Errorf("opening the record: %w", err)
		}
		a.recorder = replay.Record(root, completer, key)
		completer = a.recorder
	}
	a.model.Completer = completer
	return nil
}

// ownFolder refuses a record among the intents or the policies, where its files
// would be taken for either.
func ownFolder(p *project, dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for _, other := range []string{p.opts.Intents, cmp.Or(p.opts.Overlay, "policies")} {
		if _, inside := within(filepath.Join(p.dir, filepath.FromSlash(other)), abs); inside {
			return misused("--record replies", "--record %s lies among the files of %s", dir, other)
		}
	}
	return nil
}

// folder opens a folder, and makes it if need be.
func (a *asker) folder(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err == nil {
		a.roots = append(a.roots, root)
	}
	return root, err
}

// cacheFolder is where answers are kept, "" for nowhere.
func cacheFolder(flag string) (string, error) {
	switch flag {
	case "off":
		return "", nil
	case "":
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", nil // a machine without a home keeps no answers
		}
		return filepath.Join(dir, "kubeteus", "answers"), nil
	}
	return flag, nil
}

// keys are the variables that hold a key for a host alone. KUBETEUS_API_KEY is
// for whatever endpoint is configured.
var keys = []struct{ host, variable string }{
	{"api.openai.com", "OPENAI_API_KEY"}, {"models.github.ai", "GITHUB_TOKEN"}, {".openai.azure.com", "AZURE_OPENAI_API_KEY"},
}

const maxKey = 64 << 10 // bytes of a key file

// readKey returns the key and where it came from. A server on this machine may
// need none, so that its absence is the server's to refuse.
func readKey(c *cli.Context, s compiler.Settings) (key, from string, err error) {
	if file := c.String("api-key-file"); file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", "", fmt.Errorf("reading the key: %w", err)
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxKey+1))
		key := string(bytes.TrimSpace(data))
		if err == nil && (len(data) > maxKey || key == "" || strings.ContainsAny(key, "\r\n")) {
			return "", "", misused("the file holds the key on one line, and nothing else", "%s holds no key", file)
		}
		return key, file, err
	}
	if key := strings.TrimSpace(os.Getenv("KUBETEUS_API_KEY")); key != "" {
		return key, "KUBETEUS_API_KEY", nil
	}
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return "", "", misused("", "--base-url: %v", err)
	}
	for _, k := range keys {
		if host := u.Hostname(); u.Scheme == "https" && (host == k.host || strings.HasPrefix(k.host, ".") && strings.HasSuffix(host, k.host)) {
			return strings.TrimSpace(os.Getenv(k.variable)), k.variable, nil
		}
	}
	return "", "KUBETEUS_API_KEY", nil
}
