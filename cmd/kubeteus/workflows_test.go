package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// This file holds action.yml, the workflows of this repository and those that its
// users copy to a policy that actionlint does not have. TestWorkflowPolicyBites
// shows each rule at work on a workflow that breaks it.

// mayHave lists what each job of each workflow may have, and has: a permission
// that is not here is too much, one that is here and not there is a line to drop.
var mayHave = map[string]map[string]string{
	"ci.yml":       {"lint": "", "test": ""},
	"action.yml":   {"review": "contents: read, pull-requests: write"},
	"release.yml":  {"build": "", "test": "", "publish": "attestations: write, contents: write, id-token: write"},
	"minimal.yml":  {"review": "contents: read, pull-requests: write"},
	"models.yml":   {"review": "contents: read, models: read, pull-requests: write"},
	"endpoint.yml": {"review": "contents: read, pull-requests: write"},
	"forks.yml":    {"review": "contents: read"},
	"comment.yml":  {"comment": "actions: read, pull-requests: write"},
	"write.yml":    {"write": "contents: write, pull-requests: write"},
}

type workflow struct {
	On          yaml.Node         `yaml:"on"`
	Permissions yaml.Node         `yaml:"permissions"`
	Concurrency *yaml.Node        `yaml:"concurrency"`
	Env         map[string]string `yaml:"env"`
	Jobs        map[string]struct {
		Permissions yaml.Node         `yaml:"permissions"`
		Timeout     int               `yaml:"timeout-minutes"`
		Uses        string            `yaml:"uses"`
		Env         map[string]string `yaml:"env"`
		Strategy    struct {
			Matrix struct {
				Include []map[string]string `yaml:"include"`
			} `yaml:"matrix"`
		} `yaml:"strategy"`
		Steps []step `yaml:"steps"`
	} `yaml:"jobs"`
}

type action struct {
	Inputs  map[string]yaml.Node `yaml:"inputs"`
	Outputs map[string]struct {
		Value string `yaml:"value"`
	} `yaml:"outputs"`
	Runs struct {
		Using string `yaml:"using"`
		Steps []step `yaml:"steps"`
	} `yaml:"runs"`
}

type step struct {
	ID    string               `yaml:"id"`
	If    string               `yaml:"if"`
	Uses  yaml.Node            `yaml:"uses"`
	Run   string               `yaml:"run"`
	Shell string               `yaml:"shell"`
	Env   map[string]yaml.Node `yaml:"env"`
	With  map[string]yaml.Node `yaml:"with"`
}

var (
	pinned    = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+@[0-9a-f]{40}$`)
	versioned = regexp.MustCompile(`^# v[0-9]+\.[0-9]+\.[0-9]+$`)
	mention   = regexp.MustCompile(`\b(inputs|steps)\.([A-Za-z0-9_-]+)`)
	variable  = regexp.MustCompile(`\$\{?([A-Z][A-Z_]+)\b`)
)

// judgeWorkflow returns what is wrong with a workflow; ours are the inputs of the
// action, and example says that it is for other repositories.
func judgeWorkflow(data []byte, may map[string]string, ours map[string]yaml.Node, example bool) []string {
	var w workflow
	if err := yaml.Unmarshal(data, &w); err != nil {
		return []string{err.Error()}
	}
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }

	switch top := permissionsOf(w.Permissions); {
	case w.Permissions.Kind == 0:
		bad("no permissions: the repository's default may be to write")
	case top != "" && top != "contents: read":
		bad("permissions of all jobs are %s: give each job its own", top)
	}
	if w.Concurrency == nil {
		bad("no concurrency: two runs of one pull request race")
	}
	for _, event := range eventsOf(w.On) {
		if event == "pull_request_target" {
			bad("pull_request_target runs with the base's secrets on what the head says: use pull_request, and workflow_run")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
		job := w.Jobs[name]
		if job.Timeout < 1 || job.Timeout > 30 {
			bad("%s: timeout-minutes is %d: between 1 and 30", name, job.Timeout)
		}
		if job.Uses != "" {
			bad("%s: calls another workflow, whose jobs nobody judged", name)
		}
		want, known := may[name]
		if got := permissionsOf(job.Permissions); !known || got != want {
			bad("%s: permissions are %q, may be %q", name, got, want)
		}
		for i, s := range job.Steps {
			for _, problem := range judgeStep(s, ours, example) {
				bad("%s: step %d: %s", name, i+1, problem)
			}
			for _, ref := range []string{"repository", "ref"} {
				if v := s.With[ref].Value; slices.Contains(eventsOf(w.On), "workflow_run") && strings.Contains(v, "workflow_run.head") {
					bad("%s: step %d: checks out what a stranger wrote, with a token that may write", name, i+1)
				}
			}
		}
	}
	return out
}

// judgeStep returns what is wrong with a step of a workflow or an action.
func judgeStep(s step, ours map[string]yaml.Node, example bool) []string {
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if strings.Contains(s.Run+s.Shell, "${{") {
		bad("an expression in run becomes part of the script: pass it through env")
	}
	uses := s.Uses.Value
	if uses == "" {
		return out
	}
	mine := uses == "./" && !example || uses == "kubeteus/kubeteus@v1" && example
	if !mine && !pinned.MatchString(uses) {
		bad("%s is not pinned by a commit", uses)
	}
	if !mine && !versioned.MatchString(s.Uses.LineComment) {
		bad("%s: a comment says which version that is: # v1.2.3", uses)
	}
	if mine {
		for _, input := range slices.Sorted(maps.Keys(s.With)) {
			if _, ok := ours[input]; !ok {
				bad("the action has no input %s", input)
			}
		}
	}
	if strings.HasPrefix(uses, "actions/checkout@") && s.With["persist-credentials"].Value != "false" {
		bad("the checkout leaves its token to every later step: persist-credentials: false")
	}
	return out
}

// judgeAction returns what is wrong with a composite action.
func judgeAction(data []byte, script func(name string) (string, error)) []string {
	var a action
	if err := yaml.Unmarshal(data, &a); err != nil {
		return []string{err.Error()}
	}
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if a.Runs.Using != "composite" {
		bad("not a composite action")
	}
	known := map[string]bool{}
	for name := range a.Inputs {
		known["inputs."+name] = true
	}
	mentions := func(where, text string) {
		for _, m := range mention.FindAllString(text, -1) {
			if !known[m] {
				bad("%s: there is no %s", where, m)
			}
		}
	}
	for i, s := range a.Runs.Steps {
		where := fmt.Sprintf("step %d", i+1)
		for _, problem := range judgeStep(s, nil, false) {
			bad("%s: %s", where, problem)
		}
		mentions(where, s.If)
		for _, values := range []map[string]yaml.Node{s.Env, s.With} {
			for _, key := range slices.Sorted(maps.Keys(values)) {
				mentions(where, values[key].Value)
			}
		}
		known["steps."+s.ID] = s.ID != ""
		if s.Run == "" {
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(s.Run, `bash "$GITHUB_ACTION_PATH/.github/action/`), `"`)
		text, err := script(name)
		if err != nil {
			bad("%s: runs no script of the action: %v", where, err)
			continue
		}
		for _, v := range slices.Sorted(maps.Keys(s.Env)) {
			if !strings.Contains(text, v) {
				bad("%s: %s does not look at %s", where, name, v)
			}
		}
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			_, set := s.Env[m[1]]
			if !set && !strings.HasPrefix(m[1], "GITHUB_") && !strings.HasPrefix(m[1], "RUNNER_") && !slices.Contains(shellsOwn, m[1]) {
				bad("%s: %s looks at %s, which is not set", where, name, m[1])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Outputs)) {
		mentions("output "+name, a.Outputs[name].Value)
	}
	return out
}

// shellsOwn are variables that the scripts need not be given.
var shellsOwn = []string{"PWD", "BASH_SOURCE", "GIT_CONFIG_COUNT", "KUBETEUS_RELEASES"}

func permissionsOf(n yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return n.Value
	}
	var out []string
	for i := 0; i < len(n.Content); i += 2 {
		out = append(out, n.Content[i].Value+": "+n.Content[i+1].Value)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func eventsOf(n yaml.Node) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var out []string
	for i, c := range n.Content {
		if n.Kind == yaml.SequenceNode || i%2 == 0 {
			out = append(out, c.Value)
		}
	}
	return out
}

var (
	shellFunction = regexp.MustCompile(`(?ms)^([a-z_]+)\(\) \{.*?\}$`)
	shellComment  = regexp.MustCompile(`(?m)^\s*#.*$`)
)

// scriptOfAction is a script, and the functions of lib.sh that it calls.
func scriptOfAction(name string) (string, error) {
	folder := "../../.github/action"
	script, err := os.ReadFile(filepath.Join(folder, filepath.Base(name)))
	if err != nil {
		return "", err
	}
	lib, err := os.ReadFile(filepath.Join(folder, "lib.sh"))
	if err != nil {
		return "", err
	}
	text, added := shellComment.ReplaceAllString(string(script), ""), map[string]bool{}
	for again := true; again; {
		again = false
		for _, f := range shellFunction.FindAllStringSubmatch(shellComment.ReplaceAllString(string(lib), ""), -1) {
			if !added[f[1]] && regexp.MustCompile(`(?m)(^|[\s(!])`+f[1]+`($|[\s);])`).MatchString(text) {
				text, added[f[1]], again = text+f[0], true, true
			}
		}
	}
	return text, nil
}

func readAction(t *testing.T) ([]byte, action) {
	t.Helper()
	data, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	return data, a
}

func TestWorkflowPolicy(t *testing.T) {
	data, a := readAction(t)
	for _, problem := range judgeAction(data, scriptOfAction) {
		t.Errorf("action.yml: %s", problem)
	}
	seen := map[string]bool{}
	for _, dir := range []string{"../../.github/workflows", "../../.github/action/examples"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			seen[e.Name()] = true
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range judgeWorkflow(data, mayHave[e.Name()], a.Inputs, strings.HasSuffix(dir, "examples")) {
				t.Errorf("%s: %s", e.Name(), problem)
			}
		}
	}
	for name := range mayHave {
		if !seen[name] {
			t.Errorf("%s is listed, and is not there", name)
		}
	}
}

// goodWorkflow breaks no rule, and goodAction none of an action.
const goodWorkflow = `on: [pull_request]
permissions: {}
concurrency: {group: x}
jobs:
  review:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {contents: read}
    steps:
    - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      with: {persist-credentials: false}
    - uses: ./
      with: {intents: x}
    - run: echo "$TITLE"
      env: {TITLE: "${{ github.event.pull_request.title }}"}
`

const goodAction = `inputs:
  intents: {}
outputs:
  verdict: {value: "${{ steps.review.outputs.verdict }}"}
runs:
  using: composite
  steps:
  - id: review
    if: inputs.intents != ''
    shell: bash
    env: {INTENTS: "${{ inputs.intents }}"}
    run: bash "$GITHUB_ACTION_PATH/.github/action/review.sh"
`

func TestWorkflowPolicyBites(t *testing.T) {
	ours := map[string]yaml.Node{"intents": {}}
	may := map[string]string{"review": "contents: read"}
	scripts := func(name string) (string, error) {
		return map[string]string{"review.sh": `echo "$INTENTS $GITHUB_OUTPUT"`}[name], map[bool]error{true: os.ErrNotExist}[name != "review.sh"]
	}
	workflows := func(text string) []string { return judgeWorkflow([]byte(text), may, ours, false) }
	actions := func(text string) []string { return judgeAction([]byte(text), scripts) }
	for _, c := range []struct {
		judge                func(string) []string
		good, old, new, want string
	}{
		{workflows, goodWorkflow, "", "", ""},
		{workflows, goodWorkflow, `echo "$TITLE"`, `echo "${{ github.event.pull_request.title }}"`, "an expression in run"},
		{workflows, goodWorkflow, `echo "$TITLE"`, "|\n        echo a\n        echo ${{ github.head_ref }}", "an expression in run"},
		{workflows, goodWorkflow, "08c6903cd8c0fde910a37f88322edcfb5dd907a8", "v5", "not pinned"},
		{workflows, goodWorkflow, "08c6903cd8c0fde910a37f88322edcfb5dd907a8", "08c6903", "not pinned"},
		{workflows, goodWorkflow, "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "docker://alpine", "not pinned"},
		{workflows, goodWorkflow, "./", "kubeteus/kubeteus@v1", "not pinned"},
		{workflows, goodWorkflow, "./", "./.github/other", "not pinned"},
		{workflows, goodWorkflow, " # v5.0.0", "", "which version"},
		{workflows, goodWorkflow, " # v5.0.0", " # v5", "which version"},
		{workflows, goodWorkflow, "permissions: {}\n", "", "no permissions"},
		{workflows, goodWorkflow, "permissions: {}\n", "permissions: write-all\n", "permissions of all jobs are write-all"},
		{workflows, goodWorkflow, "permissions: {}\n", "permissions: {pull-requests: write}\n", "give each job its own"},
		{workflows, goodWorkflow, "{contents: read}", "{contents: write}", `"contents: write", may be "contents: read"`},
		{workflows, goodWorkflow, "{contents: read}", "{contents: read, issues: write}", "issues: write"},
		{workflows, goodWorkflow, "{contents: read}", "read-all", "read-all"},
		{workflows, goodWorkflow, "  review:", "  other:", "other: permissions are"},
		{workflows, goodWorkflow, "    timeout-minutes: 5\n", "", "timeout-minutes is 0"},
		{workflows, goodWorkflow, "timeout-minutes: 5", "timeout-minutes: 360", "timeout-minutes is 360"},
		{workflows, goodWorkflow, "concurrency: {group: x}\n", "", "no concurrency"},
		{workflows, goodWorkflow, "{persist-credentials: false}", "{fetch-depth: 0}", "leaves its token"},
		{workflows, goodWorkflow, "[pull_request]", "pull_request_target", "pull_request_target runs with"},
		{workflows, goodWorkflow, "[pull_request]", "{pull_request_target: {types: [opened]}}", "pull_request_target runs with"},
		{workflows, strings.Replace(goodWorkflow, "[pull_request]", "{workflow_run: {}}", 1), "false}", `false, ref: "${{ github.event.workflow_run.head_sha }}"}`, "what a stranger wrote"},
		{workflows, goodWorkflow, "{intents: x}", "{intent: x}", "no input intent"},
		{workflows, goodWorkflow, "    runs-on: ubuntu-24.04\n", "    uses: a/b/.github/workflows/c.yml@v1\n", "calls another workflow"},
		{actions, goodAction, "", "", ""},
		{actions, goodAction, `review.sh"`, `review.sh" "${{ inputs.intents }}"`, "an expression in run"},
		{actions, goodAction, "review.sh", "missing.sh", "runs no script"},
		{actions, goodAction, "if: inputs.intents", "if: inputs.intent", "there is no inputs.intent"},
		{actions, goodAction, "steps.review", "steps.revue", "there is no steps.revue"},
		{actions, goodAction, "{INTENTS:", "{INTENT:", "looks at INTENTS, which is not set"},
		{actions, goodAction, `{INTENTS:`, `{MODEL: a, INTENTS:`, "does not look at MODEL"},
		{actions, goodAction, "composite", "node24", "not a composite action"},
	} {
		if !strings.Contains(c.good, c.old) {
			t.Fatalf("%q is not in the workflow", c.old)
		}
		got := c.judge(strings.Replace(c.good, c.old, c.new, 1))
		if c.want == "" && len(got) > 0 {
			t.Errorf("the good one: %q", got)
		}
		if c.want != "" && !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, c.want) }) {
			t.Errorf("%s in place of %s: got %q, want %q", c.new, cmp.Or(c.old, "nothing"), got, c.want)
		}
	}
}

// TestWorkflowExamples holds that the page shows the examples as they are checked.
func TestWorkflowExamples(t *testing.T) {
	page, err := os.ReadFile("../../.github/action/README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("../../.github/action/examples/*.yml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, file := range examples {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "```yaml\n"+string(data)+"```\n") {
			t.Errorf("README.md does not show %s as it is", filepath.Base(file))
		}
	}
	_, a := readAction(t)
	for name := range a.Inputs {
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("README.md does not describe the input %s", name)
		}
	}
	for name := range a.Outputs {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("README.md does not name the output %s", name)
		}
	}
}

// TestWorkflowCoversProjects holds that the action runs on every project here.
func TestWorkflowCoversProjects(t *testing.T) {
	data, err := os.ReadFile("../../.github/workflows/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(data, &w); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, leg := range w.Jobs["review"].Strategy.Matrix.Include {
		got = append(got, leg["project"])
	}
	want := []string{"."}
	projects, err := filepath.Glob("../../examples/*/intents")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range projects {
		want = append(want, "examples/"+filepath.Base(filepath.Dir(dir)))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the action runs on %v, and projects are %v", got, want)
	}
}
