package report

import (
	"fmt"
	"strings"
)

// This file writes the tables of the comment, the graph, and the diffs.

// inForce is what the head changes against the policies in force, where there is no
// base to compare with.
func inForce(head *Report) *ReachabilityChange {
	if head.Reachability == nil {
		return nil
	}
	flows := func(classes []Class) []FlowChange {
		var out []FlowChange
		for _, c := range classes {
			out = append(out, FlowChange{From: c.From, To: c.To, Ports: c.Ports})
		}
		return out
	}
	return &ReachabilityChange{Workloads: len(head.Reachability.Parties) - 1, Gained: flows(head.Reachability.Gained), Lost: flows(head.Reachability.Lost),
		Pairs: PairCounts{Gained: head.Summary.PairsGained, Lost: head.Summary.PairsLost}, Notes: head.Reachability.Notes}
}

// reachability is what opens, what closes, what is cut, and what comes and goes
// with workloads.
func (m *markdown) reachability(r *ReachabilityChange) []*mdSection {
	if r == nil {
		return nil
	}
	var out []*mdSection
	pairs := func(n int, one, many string) string {
		if n == 1 {
			return "1 pair " + one
		}
		return fmt.Sprintf("%d pairs %s", n, many)
	}
	const columns = "| From | To | Ports | Because |"
	wider := mdTable(mdWider, "the gained flows", "flow", "#### ➕ Wider: "+pairs(r.Pairs.Gained, "gains access", "gain access"), columns, 25, m.flows(r.Gained, true))
	if len(wider) > 0 {
		wider[0].least = 1
	}
	out = append(out, wider...)
	out = append(out, mdTable(mdLost, "the lost flows", "flow", "#### ➖ Closed: "+pairs(r.Pairs.Lost, "loses access", "lose access"), columns, 12, m.flows(r.Lost, true))...)
	out = append(out, m.cuts()...)
	arrived := "#### Arrived with what is new: " + pairs(r.Pairs.Arrived, "", "")
	out = append(out, mdTable(mdArrived, "the flows of new workloads", "flow", strings.TrimSuffix(arrived, " "), columns, 8, m.flows(r.Arrived, false))...)
	if rows := m.flows(r.Departed, false); len(rows) > 0 {
		s := mdDetails(mdGone, "the flows of workloads that are gone", "flow", "Departed with what is gone: "+strings.TrimSuffix(pairs(r.Pairs.Departed, "", ""), " "), rows)
		s.head += columns + "\n| --- | --- | --- | --- |\n"
		out = append(out, s)
	}
	return out
}

// flows are rows of a table: who, whom, on which ports, and what made it so.
func (m *markdown) flows(flows []FlowChange, both bool) []string {
	const most = 8
	mark := func(name string) string {
		if name == Outside {
			return "**outside**"
		}
		return mdCode(name, mdName)
	}
	var rows []string
	for _, f := range flows {
		why := mdText(f.Why, mdWhy)
		var files []string
		for _, p := range f.Policies {
			files = append(files, mdCode(p, mdName))
		}
		if len(files) > 0 {
			why = strings.TrimPrefix(why+"<br>", "<br>") + enumerated(files, 3)
		}
		rows = append(rows, mdRow(m.cast.words(f.From, most, both, mark), m.cast.words(f.To, most, both, mark), mdPortWords(f.Ports), why))
	}
	return rows
}

// mdPortWords are ports, on one line where they are few.
func mdPortWords(s string) string {
	const few = 16
	if len(s) > few {
		return mdText(s, mdPorts)
	}
	return strings.ReplaceAll(mdText(s, mdPorts), " ", "&nbsp;")
}

// cuts are connections that manifests declare and that stop to work.
func (m *markdown) cuts() []*mdSection {
	var rows []string
	for _, c := range m.d.Cut {
		var by []string
		for _, i := range c.Intents {
			by = append(by, mdText(m.cast.intent(i), mdName))
		}
		cut := enumerated(by, 3)
		if c.Listed {
			cut = strings.TrimPrefix(cut+", ", ", ") + "which lists it under cuts"
		}
		place := m.place(c.Pos)
		if place != "" {
			place = "<br>" + place
		}
		rows = append(rows, mdRow(mdCode(m.cast.short(c.From), mdName), mdCode(m.cast.short(c.To), mdName), mdPortWords(c.Ports), mdCode(c.Quote, mdWhy)+place, cut))
	}
	return mdTable(mdCut, "the declared connections that are cut", "connection", "#### ✂️ Declared in manifests, and cut", "| From | To | Ports | Declared by | Cut by |", 15, rows)
}

// readings are the intents whose words stayed and whose meaning did not.
func (m *markdown) readings() []*mdSection {
	var rows []string
	relocked := false
	for _, c := range m.d.Intents {
		if c.Kind != Relocked && c.Kind != Reread {
			continue
		}
		relocked = relocked || c.Kind == Relocked
		why := "what it refers to changed"
		if c.Kind == Relocked {
			why = "**the lock was changed**"
		}
		if len(c.Settings) > 0 {
			why += "<br>" + mdText(strings.Join(c.Settings, "; "), mdWhy)
		}
		statement, before, after := "", "", ""
		if c.Before != nil {
			before = mdReads(c.Before.ReadsAs)
		}
		if c.After != nil {
			statement, after = mdQuoted(c.After.Statement), mdReads(c.After.ReadsAs)
		}
		rows = append(rows, mdRow("**"+mdText(m.cast.intent(c.Set+"/"+c.Name), mdName)+"**<br>"+why, statement, before, after))
	}
	before := "#### 👀 Same words, another reading"
	if relocked {
		before += "\n\nNobody rewrote the sentence. What it is taken to mean was changed in the lock: compare both readings with the words."
	}
	out := mdTable(mdReadings, "the intents that are read differently", "intent", before, "| Intent | Statement | Was read as | Reads as |", 20, rows)
	if len(out) > 0 {
		out[0].least = 1
	}
	return out
}

func mdQuoted(s string) string { return "“" + mdText(s, mdStatement) + "”" }

// mdReads are readings, one rule a line.
func mdReads(rules []string) string {
	const most = 6
	var out []string
	for _, r := range rules[:min(most, len(rules))] {
		out = append(out, mdText(r, mdReading))
	}
	if left := len(rules) - most; left > 0 {
		out = append(out, "…and "+plural(left, "more rule"))
	}
	if len(out) == 0 {
		return "*not known*"
	}
	return strings.Join(out, "<br>")
}

var mdKinds = map[IntentKind]string{Reworded: "reworded", Resettled: "settings", IntentGone: "removed", IntentArrive: "added"}

// intents are those that differ otherwise.
func (m *markdown) intents() []*mdSection {
	var rows []string
	for _, c := range m.d.Intents {
		word, known := mdKinds[c.Kind]
		if !known {
			continue
		}
		if c.Kind == Reworded && c.SameReading {
			word = "reworded, and reads the same"
		}
		if len(c.Settings) > 0 {
			word += "<br>" + mdText(strings.Join(c.Settings, "; "), mdWhy)
		}
		statement, reads := "", ""
		switch {
		case c.After != nil:
			statement, reads = mdQuoted(c.After.Statement), mdReads(c.After.ReadsAs)
			if len(c.After.Implied) > 0 {
				reads += "<br>*implies:* " + mdReads(c.After.Implied)
			}
			if c.After.Status == Refused {
				word = "**refused**, " + word
			}
		case c.Before != nil:
			statement, reads = mdQuoted(c.Before.Statement), mdReads(c.Before.ReadsAs)
		}
		if c.Before != nil && c.After != nil && c.Kind == Reworded {
			statement += "<br>*was:* " + mdQuoted(c.Before.Statement)
			if !c.SameReading {
				reads += "<br>*was:* " + mdReads(c.Before.ReadsAs)
			}
		}
		rows = append(rows, mdRow(mdText(m.cast.intent(c.Set+"/"+c.Name), mdName), statement, reads, word))
	}
	s := m.d.Summary
	title := "#### Intents: " + counts(s.IntentsAdded, "added", s.IntentsChanged, "changed", s.IntentsRemoved, "removed")
	return mdTable(mdIntents, "the intents that differ", "intent", title, "| Intent | Statement | Reads as | |", 12, rows)
}

// otherIntents are those that do not differ, or all where there is no base.
func (m *markdown) otherIntents() *mdSection {
	differs := map[string]bool{}
	for _, c := range m.d.Intents {
		differs[c.Set+"/"+c.Name] = true
	}
	var rows []string
	for _, i := range m.d.Head.Intents {
		if differs[i.Set+"/"+i.Name] {
			continue
		}
		status := map[Status]string{Compiled: "compiled", Holds: "holds already", Refused: "**refused**"}[i.Status]
		if i.Status == Compiled && m.d.Verdict == Rejected {
			status = "read"
		}
		rows = append(rows, mdRow(mdText(m.cast.intent(i.Set+"/"+i.Name), mdName), mdQuoted(i.Statement), mdReads(i.ReadsAs), status))
	}
	if len(rows) == 0 {
		return nil
	}
	const table = "| Intent | Statement | Reads as | Status |\n| --- | --- | --- | --- |\n"
	if m.plain() {
		return &mdSection{weight: mdIntents, name: "the intents", row: "intent", head: "#### Intents\n\n" + table, rows: rows}
	}
	s := mdDetails(mdOthers, "the intents that do not differ", "intent", plural(len(rows), "intent")+" as before", rows)
	s.head += table
	return s
}

func (m *markdown) graph() *mdSection {
	const title = "#### What changes in who reaches whom\n\n"
	text, ok := Mermaid(m.d)
	if r := m.d.Reachability; !ok && r != nil && len(r.Gained)+len(r.Lost) > 0 {
		return &mdSection{weight: mdGraph, name: "the graph", row: "line", head: title, rows: []string{"Too much changes for a legible graph; the tables above say all of it.\n"}}
	}
	if !ok {
		return nil
	}
	const legend = "Thick green with + is gained, dotted red with a cross and − is lost, thin grey is as before. Ports are in the tables.\n"
	return &mdSection{weight: mdGraph, name: "the graph", row: "graph", head: title, rows: []string{"```mermaid\n" + text + "```\n\n" + legend}}
}

// policies are the diffs, each collapsed.
func (m *markdown) policies() []*mdSection {
	most := 1 << 20
	if m.Limit > 0 {
		most = m.Limit / 10
	}
	var rows []string
	row := func(path, change string, intents []string, body string) {
		var by []string
		for _, i := range intents {
			by = append(by, mdText(m.cast.intent(i), mdName))
		}
		from := ""
		if len(by) > 0 {
			from = ", for " + enumerated(by, 4)
		}
		rows = append(rows, "<details><summary>"+mdElement(path, mdName)+" "+mdText(change, 20)+from+"</summary>\n\n"+body+"\n</details>\n\n")
	}
	for _, p := range m.d.weighed() {
		row(p.Path, p.words(), p.Intents, mdFence("diff", p.Diff, most))
	}
	title := m.d.policyCounts()
	if m.plain() {
		h := m.d.Head.Summary
		title = counts(h.Added, "added", h.Changed, "changed", h.Removed, "removed", h.Unchanged, "unchanged")
		for _, p := range m.d.Head.Policies {
			body := mdFence("yaml", p.YAML, most)
			if p.YAML == "" {
				body = "Removed.\n"
			}
			row(p.Path, string(p.Change), p.Intents, body)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return []*mdSection{{weight: mdPolicies, name: "the policies", row: "policy file", head: "#### Policies: " + title + "\n\n", rows: rows}}
}
