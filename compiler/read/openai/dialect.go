package openai

import (
	"net/http"
	"regexp"
	"strings"
	"sync"

	api "github.com/sashabaranov/go-openai"
)

// How a server is asked for JSON, and what is learnt about it.
//
// Nobody says in advance which parts of the protocol a server and its model
// know. So the first request asks for the most, and an answer that names a part
// it does not know takes that part away, for this request and for all that
// follow: a JSON Schema, then JSON mode, then words only; max_tokens, then its
// newer name, then no limit; temperature; seed. What the schema loses as
// response_format it gets back as text in the last message; a system turn that
// a model's template does not know goes before the first turn of the user.
//
// Only words of the server do that, in an answer with a status that says the
// request is at fault. A failure that passes (429, 503, a cut connection) says
// nothing about what the server knows, and must not make every later answer of
// the run a worse one. Messages seen in the wild, by server:
//
//	OpenAI     400 Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model
//	           400 Invalid schema for response_format 'x': ...
//	           400 Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.
//	           400 Unsupported value: 'temperature' does not support 0.0 with this model.
//	Azure      400 response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later
//	llama.cpp  400, in old builds and forks 500: response_format type must be one of "text" or "json_object", but got: json_schema
//	           400 Either "json_schema" or "grammar" can be specified, but not both
//	vLLM       400 The provided JSON schema contains features not supported by xgrammar
//	Gemma      400 System role not supported (its chat template, under vLLM and llama.cpp)
//	others     422 with a list of fields and what is wrong with them (FastAPI)
//
// Ollama and older vLLM know response_format and ignore what they cannot do:
// they answer with text, which package model has to read in any case.
//
// The words may be an echo of the statement, so a hostile one can take parts
// away. That costs quality and opens nothing: answers are checked alike.

const (
	asSchema = iota
	asObject
	asWords
)

const (
	maxTokens = iota
	maxCompletionTokens
	noLimit
)

// dialect is what is left of the protocol. The zero value asks for the most;
// every field only grows.
type dialect struct {
	form, limit           int
	noTemperature, noSeed bool
	noSystem              bool
}

// known is where the ladder starts for models that go-openai itself knows not to
// take a parameter: it would refuse to send such a request.
func known(model string) dialect {
	var d dialect
	v := api.NewReasoningValidator()
	//lint:ignore SA1019 only OpenAI deprecates it: many servers know no other
	if v.Validate(api.ChatCompletionRequest{Model: model, MaxTokens: 1}) != nil {
		d.limit = maxCompletionTokens
	}
	if v.Validate(api.ChatCompletionRequest{Model: model, Temperature: 0.5}) != nil {
		d.noTemperature = true
	}
	return d
}

// ladder is the dialect that a client's calls share.
type ladder struct {
	mu sync.Mutex
	at dialect
}

func (l *ladder) now() dialect {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at
}

// learn says whether asking again in the dialect that is now known makes sense.
// Calls that were under way in the old dialect learn the same thing twice.
func (l *ladder) learn(used dialect, f *failure) bool {
	next := used.after(f)
	if next == used {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = dialect{
		form:          max(l.at.form, next.form),
		limit:         max(l.at.limit, next.limit),
		noTemperature: l.at.noTemperature || next.noTemperature,
		noSeed:        l.at.noSeed || next.noSeed,
		noSystem:      l.at.noSystem || next.noSystem,
	}
	return true
}

var (
	formWords   = regexp.MustCompile(`response[_ ]format|json[_ ]schema|json_object|json mode|structured[_ ]output|grammar|guided`)
	unknown     = regexp.MustCompile(`must be one of|not support|unsupported|not implemented|unknown|unrecognized|unexpected|invalid|not available|unavailable`)
	tooLong     = regexp.MustCompile(`too large|too long|at most|context|exceed|reduce`)
	limitWord   = regexp.MustCompile(`\bmax_tokens\b`)
	newerWord   = regexp.MustCompile(`\bmax_completion_tokens\b`)
	temperature = regexp.MustCompile(`\btemperature\b`)
	system      = regexp.MustCompile(`system['"]? (role|turn|message|prompt)s?\b.{0,40}not (support|allow)|not support ['"]?system`)
	seed        = regexp.MustCompile(`\bseed\b`)
)

// after is the dialect without what a failure says is unknown.
func (d dialect) after(f *failure) dialect {
	words := f.said.words()
	switch f.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
	case http.StatusNotFound, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		if formWords.MatchString(words) {
			d.form = min(d.form+1, asWords)
		}
		return d
	case http.StatusInternalServerError:
		if formWords.MatchString(words) && unknown.MatchString(words) {
			d.form = min(d.form+1, asWords)
		}
		return d
	default:
		return d
	}
	// A server that names the parameter means that one: its sentence may speak
	// of others.
	if p := strings.ToLower(f.said.param); formWords.MatchString(p) || limitWord.MatchString(p) || newerWord.MatchString(p) || temperature.MatchString(p) || seed.MatchString(p) {
		words = p + tail(words)
	}
	if formWords.MatchString(words) {
		d.form = min(d.form+1, asWords)
	}
	if !tooLong.MatchString(words) {
		switch {
		case d.limit == maxTokens && limitWord.MatchString(words):
			d.limit = maxCompletionTokens
		case d.limit == maxCompletionTokens && newerWord.MatchString(words):
			d.limit = noLimit
		}
	}
	d.noTemperature = d.noTemperature || temperature.MatchString(words)
	d.noSystem = d.noSystem || system.MatchString(words)
	d.noSeed = d.noSeed || seed.MatchString(words)
	return d
}

// tail keeps of a sentence only that it is about length.
func tail(words string) string { return " " + tooLong.FindString(words) }
