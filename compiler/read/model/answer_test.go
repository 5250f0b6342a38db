package model_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/ir"
	"github.com/kubeteus/kubeteus/compiler/lock"
	"github.com/kubeteus/kubeteus/compiler/names"
	"github.com/kubeteus/kubeteus/compiler/read/model"
)

// yard is a shortlist with something of every kind.
func yard() *names.Shortlist {
	return &names.Shortlist{
		Statement: "Only app=crane pods may reach store on 5432, UDP 53, 8000-8010 or http; not 10.0.0.0/8 nor api.example.com.", Namespace: "yard",
		Namespaces: []names.ShortNamespace{{Name: "yard", Labels: []string{"team=quay"}}, {Name: "port"}},
		Workloads: []names.ShortWorkload{
			{Namespace: "yard", Name: "crane", Labels: []string{"app=crane"}, Ports: []string{"http 8080/TCP"}, Services: []string{"crane 80/TCP"}},
			{Namespace: "yard", Name: "store", Ports: []string{"5432/TCP"}},
			{Namespace: "yard", Name: "backup", Kind: "CronJob"}, {Namespace: "yard", Name: "backup", Kind: "Deployment"},
			{Namespace: "port", Name: "gate"},
		},
		Ports: []string{"5432", "53", "8000-8010", "http", "70000"}, Protocols: []string{"UDP", "ICMP"},
		Labels: []string{"app=crane", "app=winch", "tier"}, NamespaceLabels: []string{"team=quay"},
		CIDRs: []string{"10.0.0.0/8", "10.1.0.0/16", "192.0.2.7/32"}, Domains: []string{"api.example.com"}, ServiceAccounts: []string{"yard/robot"},
	}
}

const (
	allowed  = `{"from":[{"workload":"yard/crane"}],"to":[{"workload":"yard/store"}],"ports":null,"about":"ingress"}`
	isClosed = `{"close":"ingress","subject":[{"workload":"yard/store"}],"scope":null,"except":null,"firm":true,"dns":"auto"}`
)

// doc is an answer with these rules.
func doc(rules ...string) string {
	return `{"explanation":"","outcome":"rules","question":null,"rules":[` + strings.Join(rules, ",") + `]}`
}

// to is an answer that allows something to a peer.
func to(peer string) string {
	return doc(`{"from":[{"workload":"yard/crane"}],"to":[` + peer + `],"ports":null,"about":"none"}`)
}

// TestRoundTrip writes the rules of every statement that the embedded reader
// understands as an answer, and reads it back.
func TestRoundTrip(t *testing.T) {
	for _, p := range allPairs(t) {
		text := answerTo(t, p.rules)
		a, problems := model.Decode(text, p.shortlist)
		if len(problems) > 0 {
			t.Errorf("%q: %s\n%s", p.statement, messages(problems), text)
			continue
		}
		if got, want := words(a.Rules), words(p.rules); got != want {
			t.Errorf("%q:\n got %s\nwant %s", p.statement, got, want)
		}
	}
}

// TestPeers reads every form of a peer and of a port.
func TestPeers(t *testing.T) {
	for _, tt := range []struct{ peer, want string }{
		{`{"workload":"yard/store"}`, "yard/store"},
		{`{"pods_in":["yard"]}`, "every pod of namespace yard"},
		{`{"pods_in":["*"]}`, "every pod of the cluster"},
		{`{"pods_in":["yard","port"],"not_in":null,"namespace_labels":[],"labels":[],"minus":[]}`, "every pod of namespaces port and yard"},
		{`{"pods_in":["*"],"not_in":["yard"]}`, "every pod of any namespace but yard"},
		{`{"pods_in":["*"],"namespace_labels":["team=quay"]}`, "every pod of namespaces labelled team=quay"},
		{`{"pods_in":["*"],"namespace_labels":["!team=quay"]}`, "every pod of namespaces labelled team!=quay"},
		{`{"pods_in":["yard"],"labels":["app=crane","app=winch"]}`, "pods labelled app in (crane, winch) of namespace yard"},
		{`{"pods_in":["yard"],"labels":["!app=crane","!app=winch","tier"]}`, "pods labelled app not in (crane, winch),tier of namespace yard"},
		{`{"pods_in":["yard"],"labels":["!tier"]}`, "pods labelled !tier of namespace yard"},
		{`{"pods_in":["yard"],"minus":[{"workload":"yard/crane"},{"pods_in":["port"],"labels":["tier"]}]}`, "every pod of namespace yard but pods labelled tier of namespace port and yard/crane"},
		{`{"service_account":"yard/robot"}`, "pods running as service account yard/robot"},
		{`{"cidr":"10.0.0.0/8","without":["10.1.0.0/16"]}`, "10.0.0.0/8 without 10.1.0.0/16"},
		{`{"cidr":"192.0.2.7/32"}`, "192.0.2.7/32"},
		{`{"domain":"api.example.com"}`, "api.example.com"},
		{`{"entity":"world","minus":[{"cidr":"10.0.0.0/8"}]}`, "outside but 10.0.0.0/8"},
		{`{"entity":"anybody"}`, "anybody"}, {`{"entity":"host"}`, "the nodes"}, {`{"entity":"cluster-dns"}`, "cluster DNS"},
		{`{"entity":"kube-apiserver","minus":null}`, "the API server"}, {`{"entity":"ingress-controller"}`, "the ingress controller"},
	} {
		a, problems := model.Decode(to(tt.peer), yard())
		if len(problems) > 0 || a.Rules[0].String() != "yard/crane may reach "+tt.want {
			t.Errorf("%s: %v %s", tt.peer, a.Rules, messages(problems))
		}
	}
	a, problems := model.Decode(doc(`{"from":[{"workload":"CronJob yard/backup"}],"to":[{"workload":"yard/store"}],"ports":["5432","53/UDP","8000-8010","http","ICMP","http/UDP"],"about":"egress"}`), yard())
	if len(problems) > 0 {
		t.Fatal(messages(problems))
	}
	want := `[{"allow":{"from":[{"kind":"workload","namespace":"yard","name":"backup","type":"CronJob"}],"to":[{"kind":"workload","namespace":"yard","name":"store"}],` +
		`"ports":[{"number":5432},{"protocol":"UDP","number":53},{"number":8000,"end":8010},{"name":"http"},{"protocol":"ICMP"},{"protocol":"UDP","name":"http"}],"about":"egress"}}]`
	if got := words(a.Rules); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRefused is what no rules come of, and why.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "no answer"},
		{"prose", "Crane may reach store.", "no answer"},
		{"array", "[1,2]", "no answer"},
		{"cut", doc(allowed)[:90], "cut off"},
		{"two", doc(allowed) + doc(isClosed), "2 answers"},
		{"two that say the same", doc(allowed) + "\n" + doc(allowed), "2 answers"},
		{"second in prose", "Here it is: " + doc(allowed) + " or perhaps " + doc(isClosed) + ", as you like.", "2 answers"},
		{"second after reasoning", "<think>hm</think>" + doc(allowed) + "<think>" + doc(isClosed) + "</think>", "2 answers"},
		{"draft in reasoning that is not marked", "I think " + doc(allowed) + " no, wait.</think>" + doc(isClosed), "2 answers"},
		{"second in a list", "[" + doc(allowed) + "," + doc(isClosed) + "]", "2 answers"},
		{"second wrapped", doc(allowed) + `{"better":` + doc(isClosed) + `}`, "2 answers"},
		{"second broken", doc(allowed) + `{"outcome":"rules",}`, "2 answers"},
		{"second in fences", "```json\n" + doc(allowed) + "\n```\n```json\n" + doc(isClosed) + "\n```", "2 answers"},
		{"escaped key", doc(allowed) + `{"\u006futcome":"ambiguous"}`, "2 answers"},
		{"wrapped", `{"answer":` + doc(allowed) + `}`, "wrapped"},
		{"reasoning without an end", "<think>hm " + doc(allowed), "reasoning does not end"},
		{"too long", strings.Repeat(" ", 300<<10) + doc(allowed), "bytes"},
		{"long document", doc(allowed + strings.Repeat(" ", 70<<10)), "cut off, or longer"},
		{"braces", strings.Repeat("{a} ", 400) + doc(allowed), "too many braces"},
		{"deep", doc(allowed[:len(allowed)-1] + `,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`), "nested more than"},
		{"many keys", `{"outcome":"rules",` + manyKeys(80) + `"rules":[]}`, "more than 64 keys"},
		{"twice a key", `{"outcome":"rules","outcome":"ambiguous","rules":[` + allowed + `]}`, "stands twice"},
		{"twice a key, escaped", `{"outcome":"rules","\u006futcome":"ambiguous","rules":[` + allowed + `]}`, "stands twice"},
		{"unknown key", doc(allowed[:len(allowed)-1] + `,"via":"x"}`), `no "via"`},
		{"key in capitals", strings.Replace(doc(allowed), `"about"`, `"About"`, 1), `no "About"`},
		{"no outcome", `{"rules":[` + allowed + `]}`, "outcome: it is missing"},
		{"unknown outcome", strings.Replace(doc(allowed), `"rules"`, `"done"`, 1), `"done"`},
		{"no rules", doc(), "there are none"},
		{"refused with rules", strings.Replace(doc(allowed), `"rules"`, `"ambiguous"`, 1), "there are none where"},
		{"refused without a question", `{"explanation":"","outcome":"out_of_scope","question":" ","rules":[]}`, "what is unclear"},
		{"question of a wrong type", `{"explanation":"","outcome":"rules","question":3,"rules":[` + allowed + `]}`, "a number; a string"},
		{"rule of a wrong type", doc(`"allow all"`), "a rule is an object"},
		{"rule of neither kind", doc(`{"to":[{"workload":"yard/store"}]}`), `either "from"`},
		{"rule of both kinds", doc(`{"from":[{"workload":"yard/crane"}],"close":"ingress"}`), `either "from"`},
		{"about on a close", doc(isClosed[:len(isClosed)-1] + `,"about":"ingress"}`), `no "about"`},
		{"an end on an allow", doc(allowed[:len(allowed)-1] + `,"end":"ingress"}`), `no "end"`},
		{"firm on an allow", doc(allowed[:len(allowed)-1] + `,"firm":true}`), `no "firm"`},
		{"firm that is a word", doc(strings.Replace(isClosed, "true", `"yes"`, 1)), "true or false"},
		{"firm missing", doc(strings.Replace(isClosed, `"firm":true,`, "", 1)), "it is missing"},
		{"end that is none", doc(strings.Replace(isClosed, `"ingress"`, `"both"`, 1)), "ingress, egress"},
		{"dns of ingress", doc(strings.Replace(isClosed, "auto", "keep", 1)), "matter of egress"},
		{"from nobody", doc(strings.Replace(allowed, `[{"workload":"yard/crane"}]`, "[]", 1)), "names nobody"},
		{"to null", doc(strings.Replace(allowed, `[{"workload":"yard/store"}]`, "null", 1)), "names nobody"},
		{"subject nobody", doc(strings.Replace(isClosed, `[{"workload":"yard/store"}]`, "[]", 1)), "names nobody"},
		{"subject that is no pod", doc(strings.Replace(isClosed, `{"workload":"yard/store"}`, `{"entity":"world"}`, 1)), "only pods can be closed"},
		{"subject everybody", doc(strings.Replace(isClosed, `{"workload":"yard/store"}`, `{"entity":"anybody"}`, 1)), "only pods can be closed"},
		{"empty traffic", doc(strings.Replace(isClosed, `"except":null`, `"except":[{"peers":null,"ports":[]}]`, 1)), "neither peers nor ports"},
		{"traffic of a wrong type", doc(strings.Replace(isClosed, `"except":null`, `"except":["5432"]`, 1)), "an object with peers and ports"},
		{"unknown workload", to(`{"workload":"yard/crone"}`), `did you mean "yard/crane"?`},
		{"workload without its namespace", to(`{"workload":"store"}`), `did you mean "yard/store"?`},
		{"workload without its kind", to(`{"workload":"yard/backup"}`), "no workload of those that are listed"},
		{"name in capitals", to(`{"workload":"yard/Store"}`), `did you mean "yard/store"?`},
		{"workload that is a number", to(`{"workload":5}`), "a number; a string is wanted"},
		{"workload that is everything", to(`{"workload":"*"}`), "no workload"},
		{"workload with labels", to(`{"workload":"yard/store","labels":["tier"]}`), `no "labels"`},
		{"minus of a workload", to(`{"workload":"yard/store","minus":[{"workload":"yard/crane"}]}`), `no "minus"`},
		{"two kinds in one peer", to(`{"workload":"yard/store","entity":"world"}`), "exactly one of"},
		{"no kind", to(`{"name":"yard/store"}`), "exactly one of"},
		{"peer that is a string", to(`"yard/store"`), "an object is wanted"},
		{"no namespace", to(`{"pods_in":[]}`), "names no namespace"},
		{"unknown namespace", to(`{"pods_in":["kube-system"]}`), `"kube-system" is no namespace`},
		{"every namespace and one", to(`{"pods_in":["*","yard"]}`), "stands for every namespace"},
		{"namespaces listed and taken out", to(`{"pods_in":["yard"],"not_in":["port"]}`), "not_in takes namespaces out"},
		{"unknown label", to(`{"pods_in":["yard"],"labels":["app=cranes"]}`), `did you mean "app=crane"?`},
		{"pod label for a namespace", to(`{"pods_in":["*"],"namespace_labels":["tier"]}`), "no label"},
		{"minus in minus", to(`{"pods_in":["yard"],"minus":[{"pods_in":["yard"],"minus":[{"workload":"yard/crane"}]}]}`), `no "minus"`},
		{"minus of nodes", to(`{"entity":"host","minus":[{"workload":"yard/crane"}]}`), "only pods, world and anybody"},
		{"unknown entity", to(`{"entity":"internet"}`), "world, host"},
		{"unknown account", to(`{"service_account":"yard/default"}`), "no service account"},
		{"address that was not said", to(`{"cidr":"0.0.0.0/0"}`), "no cidr"},
		{"exception outside", to(`{"cidr":"10.1.0.0/16","without":["10.0.0.0/8"]}`), "does not lie within"},
		{"exception of everything", to(`{"cidr":"10.1.0.0/16","without":["10.1.0.0/16"]}`), "does not lie within"},
		{"domain that was not said", to(`{"domain":"example.org"}`), "no domain"},
		{"unknown port", doc(strings.Replace(allowed, `"ports":null`, `"ports":["22"]`, 1)), "no port"},
		{"port that is a number", doc(strings.Replace(allowed, `"ports":null`, `"ports":[5432]`, 1)), "a number; a string"},
		{"port out of range", doc(strings.Replace(allowed, `"ports":null`, `"ports":["70000"]`, 1)), `"70000" is no port`},
		{"protocol that was not said", doc(strings.Replace(allowed, `"ports":null`, `"ports":["5432/TCP"]`, 1)), "no port"},
		{"ports that are no list", doc(strings.Replace(allowed, `"ports":null`, `"ports":"5432"`, 1)), "a list is wanted"},
		{"many rules", doc(strings.Repeat(allowed+",", 70) + allowed), "64 are the most"},
	} {
		a, problems := model.Decode(tt.text, yard())
		if len(a.Rules) > 0 || len(problems) == 0 || !strings.Contains(messages(problems), tt.want) {
			t.Errorf("%s: %d rules, problems\n%s\nwant %q", tt.name, len(a.Rules), messages(problems), tt.want)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"k` + strings.Repeat("x", i) + `":1,`)
	}
	return b.String()
}

// TestFound is texts around one answer.
func TestFound(t *testing.T) {
	answer := doc(allowed)
	for _, text := range []string{
		answer, "\ufeff" + answer, "\n" + answer + "\n\n", "```json\n" + answer + "\n```", "```\n" + answer + "```", "Sure! Here it is:\n\n" + answer + "\n\nAnything else?",
		"<think>First {\"outcome\":\"rules\"} or {braces}, hm.</think>\n" + answer, "<reasoning>" + answer + "</reasoning>" + answer, "I looked at {app} and {\"app\": \"crane\"}. " + answer,
		answer + " ]", doc(allowed, allowed), strings.Replace(answer, `,"about":"ingress"`, `, "about" : "ingress"`, 1),
	} {
		a, problems := model.Decode(text, yard())
		if len(problems) > 0 || len(a.Rules) != 1 || a.Outcome != model.Rules {
			t.Errorf("%s: %v %s", text, a.Rules, messages(problems))
		}
	}
}

// TestProse keeps what a model says in words, cut and otherwise untouched.
func TestProse(t *testing.T) {
	hostile := "[click](http://x) \u001b[31m <script> ::error:: \u202e" + strings.Repeat("ü", 400)
	a, problems := model.Decode(`{"explanation":"`+strings.ReplaceAll(hostile, "\u001b", `\u001b`)+`","outcome":"ambiguous","question":"Which?","rules":[]}`, yard())
	if len(problems) > 0 || a.Outcome != model.Ambiguous || a.Question != "Which?" {
		t.Fatalf("%+v %s", a, messages(problems))
	}
	if len(a.Explanation) > 500 || !utf8.ValidString(a.Explanation) || !strings.HasSuffix(a.Explanation, "ü…") || !strings.HasPrefix(a.Explanation, hostile[:40]) {
		t.Errorf("%q", a.Explanation)
	}
	if a, _ = model.Decode("{\"explanation\":\"\xff\",\"outcome\":\"ambiguous\",\"question\":\"Which?\",\"rules\":[]}", yard()); !utf8.ValidString(a.Explanation) {
		t.Errorf("%q", a.Explanation)
	}
	a, problems = model.Decode(`{"explanation":"","outcome":"out_of_scope","question":"`+strings.Repeat("?", 5000)+`","rules":null}`, yard())
	if len(problems) > 0 || len(a.Question) > 500 {
		t.Errorf("%d bytes, %s", len(a.Question), messages(problems))
	}
}

// locked says whether rules are what a lock takes.
func locked(t *testing.T, rules []ir.Rule) string {
	t.Helper()
	f := lock.File{Project: "p", Overlay: "o", Entries: []lock.Entry{{Set: "s", Intent: "i", Digest: "sha256:00", Reader: "openai", Rules: rules}}}
	back, diags := lock.Parse("kubeteus.lock", f.Encode())
	if diags.HasErrors() || back == nil || len(back.Entries) != 1 {
		return diags[0].Message
	}
	if got, want := words(back.Entries[0].Rules), words(rules); got != want {
		return "the lock says " + got
	}
	return ""
}

func FuzzDecode(f *testing.F) {
	all, err := pairs()
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(all); i += 40 {
		if text, err := model.Encode(all[i].rules, "because"); err == nil {
			f.Add(text)
		}
	}
	for _, s := range []string{doc(allowed), doc(isClosed), to(`{"pods_in":["*"],"not_in":["yard"],"labels":["!tier"],"minus":[{"cidr":"10.0.0.0/8"}]}`), to(`{"cidr":"10.0.0.0/8","without":["10.1.0.0/16"]}`),
		doc(`{"close":"egress","subject":[{"service_account":"yard/robot"}],"scope":[{"peers":[{"domain":"api.example.com"}],"ports":["53/UDP","ICMP"]}],"except":[{"ports":["http"]}],"firm":false,"dns":"close"}`),
		"<think>{</think>{\"outcome\":", `{"outcome":"ambiguous","question":"?","rules":[]}`, "\xff{\"rules\":[{\"from\":[{}]}]}"} {
		f.Add(s)
	}
	s := yard()
	f.Fuzz(func(t *testing.T, text string) {
		a, problems := model.Decode(text, s)
		switch {
		case len(problems) > 0:
			if len(a.Rules) > 0 {
				t.Fatal("rules beside problems", words(a.Rules), messages(problems))
			}
		case a.Outcome == model.Rules:
			if why := locked(t, a.Rules); len(a.Rules) == 0 || why != "" {
				t.Fatal(words(a.Rules), why)
			}
			again, err := model.Encode(a.Rules, a.Explanation)
			if err != nil {
				t.Fatal(err)
			}
			b, problems := model.Decode(again, s)
			if len(problems) > 0 || words(b.Rules) != words(a.Rules) {
				t.Fatal(again, messages(problems))
			}
			model.Evidence(a, s)
		default:
			if len(a.Rules) > 0 || a.Question == "" {
				t.Fatalf("%+v", a)
			}
		}
	})
}
