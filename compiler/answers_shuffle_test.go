package compiler_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/inventory"
	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/read/model"
	"github.com/kubeteus/kubeteus/compiler/report"
	"github.com/kubeteus/kubeteus/compiler/verify"
)

var (
	seeds = flag.Int("seeds", 0, "shuffle the answers this often over the whole corpus; 0: once over a part of it")
	pairs = flag.Bool("pairs", false, "shuffle by giving every statement every other answer of its cluster, once")
)

// What became of a statement that got another statement's answer.
const (
	twoReadings = "two readings: the embedded reader disagrees"
	byDecode    = "refused: names what was not listed, or is no answer"
	byEvidence  = "refused: not about the statement"
	byJudge     = "refused: by link, lower, validate or verify"
	byAnswer    = "refused: the other answer itself declines"
	byChance    = "taken, and right: it means the same"
	through     = "LET THROUGH: it means something else"
	throughVoid = "LET THROUGH: the statement is one to decline"
)

var outcomes = []string{twoReadings, byDecode, byEvidence, byJudge, byAnswer, byChance, through, throughVoid}

// shuffle is one way of giving wrong answers.
type shuffle struct {
	name    string
	any     bool // from any cluster
	another bool // another wrong answer at each attempt
}

var shuffles = []shuffle{
	{"same cluster, same again", false, false}, {"same cluster, another each time", false, true},
	{"any cluster, same again", true, false}, {"any cluster, another each time", true, true},
}

// tally counts outcomes of one shuffle, of statements with an embedded reading and
// of those without.
type tally struct {
	embedded, unread map[string]int
	leaks            map[string]int // what was let through, in words, and how often
}

// TestShuffledAnswers gives every statement the answers of others, through the
// whole chain from a completer to the policies. Where the embedded reader has a
// reading, nothing is written that means something else. Where it has none, what
// is let through is counted and printed.
func TestShuffledAnswers(t *testing.T) {
	clusters := allAnswers(t)
	if *seeds == 0 && !*pairs {
		clusters = slices.DeleteFunc(slices.Clone(clusters), func(c *answerCluster) bool { return c.file == "" })
	}
	var pool []*answered
	for _, c := range clusters {
		pool = append(pool, c.statements...)
	}
	modes := shuffles
	if *pairs {
		modes = shuffles[:1]
	}
	tallies := make([]tally, len(modes))
	for i, m := range modes {
		tallies[i] = tally{map[string]int{}, map[string]int{}, map[string]int{}}
		for seed := range max(1, *seeds) {
			rng := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
			for _, c := range clusters {
				if len(c.statements) < 2 {
					continue
				}
				if *pairs {
					for by := 1; by < len(c.statements); by++ {
						c.shuffled(t, &tallies[i], func(k int) []*answered { return []*answered{c.statements[(k+by)%len(c.statements)]} })
					}
					continue
				}
				c.shuffled(t, &tallies[i], func(k int) []*answered { return others(rng, m, c, pool, c.statements[k]) })
			}
		}
	}
	if testing.Verbose() {
		printTallies(modes, tallies)
	}
}

// others picks whose answers a statement gets.
func others(rng *rand.Rand, m shuffle, c *answerCluster, pool []*answered, a *answered) []*answered {
	from := c.statements
	if m.any {
		from = pool
	}
	n := 1
	if m.another {
		n = 3
	}
	var out []*answered
	for len(out) < n {
		if o := from[rng.IntN(len(from))]; o != a {
			out = append(out, o)
		}
	}
	return out
}

// stopper is a statement that nobody reads: the run ends with the read pass, which
// is what is looked at.
var stopper = &answered{name: "stopper", statement: "Nobody reads this."}

// shuffled compiles the cluster's statements with wrong answers and counts what
// became of them.
func (c *answerCluster) shuffled(t *testing.T, n *tally, whose func(k int) []*answered) {
	t.Helper()
	s := script{}
	given := map[string][]*answered{}
	for k, a := range c.statements {
		given[a.name] = whose(k)
		var answers []string
		for _, o := range given[a.name] {
			answers = append(answers, o.answer)
		}
		s.set(a, answers...)
	}
	r := c.compile(t, s.model(), nil, append(slices.Clone(c.statements), stopper)...)
	found := findings(r)
	intents := map[string]report.Intent{}
	for _, i := range r.Report().Intents {
		intents[i.Name] = i
	}
	for _, a := range c.statements {
		outcome := outcomeOf(a, given[a.name], found[a.name], len(intents[a.name].Attempts))
		if outcome == "" {
			outcome = c.taken(t, r.Inventory, s, a, intents[a.name].Rules)
		}
		if a.vote != nil {
			n.embedded[outcome]++
		} else {
			n.unread[outcome]++
		}
		if strings.HasPrefix(outcome, "LET") {
			last := given[a.name][min(len(intents[a.name].Attempts), len(given[a.name]))-1]
			n.leaks[fmt.Sprintf("%s: %q\n\t\tgot %s\n\t\tof  %q", c.name, a.statement, strings.Join(intents[a.name].ReadsAs, "; "), last.statement)]++
		}
	}
}

// outcomeOf says how a statement was refused; "" if it was not.
func outcomeOf(a *answered, given []*answered, found []diag.Diagnostic, attempts int) string {
	if len(found) == 0 {
		return ""
	}
	d := found[0]
	switch {
	case d.ID == diag.ReadAmbiguous && strings.HasPrefix(d.Message, "the statement has two readings"):
		return twoReadings
	case d.ID == diag.ReadScope, d.ID == diag.ReadAmbiguous:
		return byAnswer
	case d.ID != diag.ReadAnswer:
		return byJudge
	}
	last := given[min(attempts, len(given))-1]
	if _, problems := model.Decode(last.answer, a.shortlist); len(problems) > 0 {
		return byDecode
	}
	return byEvidence
}

// taken says whether rules that were taken mean what the statement does. With an
// embedded reading they have to: in its words, and in what the policies do that
// are written for it.
func (c *answerCluster) taken(t *testing.T, inv *inventory.Inventory, s script, a *answered, rules []ir.Rule) string {
	t.Helper()
	if a.vote == nil {
		if !a.ruled() {
			return throughVoid
		}
		right, problems := model.Decode(a.answer, a.shortlist)
		if len(problems) > 0 {
			t.Fatalf("%s: %q: its own answer does not decode: %v", c.name, a.statement, problems)
		}
		if !sameMeaning(inv, a, rules, right.Rules) {
			return through
		}
		return byChance
	}
	got, clean := c.blocked(t, s.model(), a)
	want, readable := c.blocked(t, nil, a)
	if clean != readable || got != want || !sameMeaning(inv, a, rules, a.vote) {
		t.Errorf("%s: %q is written as something else than it says: %v\nblocked:\n%s\nwant:\n%s", c.name, a.statement, rules, got, want)
		return through
	}
	return byChance
}

// sameMeaning compares rules by what section 4.2 makes of them, and where that
// says nothing (they do not link) by their text.
func sameMeaning(inv *inventory.Inventory, a *answered, x, y []ir.Rule) bool {
	link := func(rules []ir.Rule) *ir.Program {
		set := &ir.Set{Name: a.name, Namespace: a.namespace, Intents: []*ir.Intent{{Set: a.name, Name: a.name, Statement: a.statement, Rules: rules}}}
		p, diags := ir.Link(inv, []*ir.Set{set}, nil)
		if diags.HasErrors() {
			return nil
		}
		return p
	}
	p, q := link(x), link(y)
	if p == nil || q == nil {
		return fmt.Sprint(x) == fmt.Sprint(y)
	}
	return verify.Differ(p, q, nil) == nil
}

func printTallies(modes []shuffle, tallies []tally) {
	for _, part := range []struct {
		title string
		of    func(tally) map[string]int
	}{
		{"statements that the embedded reader reads", func(n tally) map[string]int { return n.embedded }},
		{"statements that it does not read", func(n tally) map[string]int { return n.unread }},
	} {
		fmt.Printf("\n%s\n", part.title)
		for _, m := range modes {
			fmt.Printf("%34s", m.name)
		}
		fmt.Println()
		for _, o := range outcomes {
			for _, n := range tallies {
				fmt.Printf("%34d", part.of(n)[o])
			}
			fmt.Printf("   %s\n", o)
		}
	}
	if !*table {
		return
	}
	for i, n := range tallies {
		fmt.Printf("\nlet through, %s\n", modes[i].name)
		for _, leak := range slices.Sorted(maps.Keys(n.leaks)) {
			fmt.Printf("%6d %s\n", n.leaks[leak], leak)
		}
	}
}
