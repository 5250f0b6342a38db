package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// A file holds one recording:
//
//	apiVersion: kubeteus.dev/v1alpha1
//	kind: Recording
//	intent: shop/cart-from-shop
//	sample: 0
//	schema: {name: rules, digest: sha256:9f86…}
//	messages:
//	  - role: system
//	    content: |
//	      You read statements …
//	reply:
//	  text: |
//	    {"outcome": "rules", …}
//	  model: some-model
//	  finish: stop
//
// The schema is there by its digest alone: it follows from the prompt, and would
// be the larger part of every file.

const (
	apiVersion = "kubeteus.dev/v1alpha1"
	kind       = "Recording"
	header     = "# What a model was asked about an intent, and its answer. Recorded by kubeteus compile --record.\n"
	maxFile    = 4 << 20 // bytes of a recording
)

// recording is a question and its answer.
type recording struct {
	file   string
	intent string
	schema string // digest
	ask    chat.Request
	reply  chat.Reply
}

// of returns the recording of a question. ask.Schema is the schema's digest from
// here on, since that is what a file has.
func of(r chat.Request, reply chat.Reply) recording {
	sum := sha256.Sum256(r.Schema)
	schema := "sha256:" + hex.EncodeToString(sum[:])
	r.Schema = json.RawMessage(schema)
	return recording{intent: r.Intent, schema: schema, ask: r, reply: reply}
}

// key is what a recording is found by.
func (r recording) key() string { return r.ask.Digest("") }

var unnamed = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

const (
	maxName = 100 // bytes of an intent's name in a file name
	digits  = 12  // of the digest in a file name: enough to tell a folder's files apart
)

// name is the file's: the intent's, so that people find it, and a part of the
// digest, so that every question has a file of its own.
func (r recording) name() string {
	set, intent, _ := strings.Cut(r.intent, "/")
	clean := func(s string) string {
		s = strings.Trim(unnamed.ReplaceAllString(s, "-"), ".-")
		return s[:min(len(s), maxName)]
	}
	parts := []string{clean(set), clean(intent)}
	if parts[1] == "" {
		parts = parts[:1]
	}
	if parts[0] == "" {
		parts[0] = "unnamed"
	}
	return strings.Join(parts, "--") + "-" + r.key()[:digits] + ".yaml"
}

func scalar(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s) // a block where there are several lines
	return n
}

func number(i int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(i)}
}

// mapping makes a mapping of keys and values.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Content = append(n.Content, scalar(pairs[i].(string)), pairs[i+1].(*yaml.Node))
	}
	return n
}

// encode returns the file's bytes, the same for equal recordings.
func (r recording) encode() ([]byte, error) {
	messages := &yaml.Node{Kind: yaml.SequenceNode}
	for _, m := range r.ask.Messages {
		messages.Content = append(messages.Content, mapping("role", scalar(m.Role), "content", scalar(m.Content)))
	}
	reply := mapping("text", scalar(r.reply.Text))
	add := func(key string, n *yaml.Node, there bool) {
		if there {
			reply.Content = append(reply.Content, scalar(key), n)
		}
	}
	add("model", scalar(r.reply.Model), r.reply.Model != "")
	add("finish", scalar(r.reply.Finish), r.reply.Finish != "")
	add("promptTokens", number(r.reply.PromptTokens), r.reply.PromptTokens != 0)
	add("completionTokens", number(r.reply.CompletionTokens), r.reply.CompletionTokens != 0)
	schema := mapping("name", scalar(r.ask.SchemaName), "digest", scalar(r.schema))
	schema.Style = yaml.FlowStyle
	var out bytes.Buffer
	out.WriteString(header)
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := e.Encode(mapping("apiVersion", scalar(apiVersion), "kind", scalar(kind), "intent", scalar(r.intent),
		"sample", number(r.ask.Sample), "schema", schema, "messages", messages, "reply", reply))
	if err = errors.Join(err, e.Close()); err != nil {
		return nil, err
	}
	// What does not come back as it went in would be found by nobody.
	back, err := decode("", out.Bytes())
	if out.Len() > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	if err != nil || back.key() != r.key() || back.reply != r.reply || back.intent != r.intent {
		return nil, errors.New("the question or its answer holds bytes that no text file does")
	}
	return out.Bytes(), nil
}

// FileError is what is wrong with a file of a folder of recordings. Message may
// quote the file.
type FileError struct {
	Pos     diag.Position
	Message string
}

func (e *FileError) Error() string { return e.Pos.String() + ": " + e.Message }

// decoder decodes one file; err is the first thing wrong with it.
type decoder struct {
	file string
	err  error
}

func (d *decoder) errorf(n *yaml.Node, format string, args ...any) {
	if d.err == nil {
		d.err = &FileError{diag.Position{File: d.file, Line: n.Line, Column: n.Column}, fmt.Sprintf(format, args...)}
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// decode takes a file as encode writes it. People may edit one: the order of
// keys and the style of strings do not matter, unknown and missing keys do.
func decode(file string, data []byte) (recording, error) {
	d := decoder{file: file}
	if len(data) > maxFile {
		d.errorf(&yaml.Node{Line: 1}, "larger than %d bytes", maxFile)
		return recording{}, d.err
	}
	if !utf8.Valid(data) {
		d.errorf(&yaml.Node{Line: 1}, "not UTF-8")
		return recording{}, d.err
	}
	var root, second yaml.Node
	y := yaml.NewDecoder(bytes.NewReader(data))
	err := y.Decode(&root)
	if err == nil {
		if next := y.Decode(&second); next == nil {
			d.errorf(&second, "a second YAML document")
			return recording{}, d.err
		} else if !errors.Is(next, io.EOF) {
			err = next
		}
	}
	if errors.Is(err, io.EOF) || err == nil && len(root.Content) == 0 {
		d.errorf(&yaml.Node{Line: 1}, "the file is empty")
		return recording{}, d.err
	}
	if err != nil {
		line := 1
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
			line, _ = strconv.Atoi(m[1]) // digits
		}
		d.errorf(&yaml.Node{Line: max(line, 1)}, "not YAML: %s", yamlLine.ReplaceAllString(err.Error(), ""))
		return recording{}, d.err
	}
	r := d.recording(root.Content[0])
	return r, d.err
}

func (d *decoder) recording(n *yaml.Node) recording {
	top := d.fields(n, "a recording", "apiVersion", "kind", "intent", "sample", "schema", "messages", "reply")
	if v, k := d.text(top["apiVersion"]), d.text(top["kind"]); d.err == nil && (v != apiVersion || k != kind) {
		d.errorf(n, "not a recording that this version reads: apiVersion %q, kind %q", v, k)
	}
	schema := d.fields(top["schema"], "the schema", "name", "digest")
	reply := d.fields(top["reply"], "the reply", "text", "model?", "finish?", "promptTokens?", "completionTokens?")
	r := recording{file: path.Base(d.file), intent: d.text(top["intent"]), schema: d.text(schema["digest"])}
	r.ask = chat.Request{Intent: r.intent, SchemaName: d.text(schema["name"]), Schema: json.RawMessage(r.schema), Sample: d.number(top["sample"])}
	r.reply = chat.Reply{Text: d.text(reply["text"]), Model: d.text(reply["model"]), Finish: d.text(reply["finish"]),
		PromptTokens: d.number(reply["promptTokens"]), CompletionTokens: d.number(reply["completionTokens"])}
	list := top["messages"]
	if list == nil {
		return r
	}
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		d.errorf(list, "messages are a list that is not empty")
		return r
	}
	for _, m := range list.Content {
		f := d.fields(m, "a message", "role", "content")
		message := chat.Message{Role: d.text(f["role"]), Content: d.text(f["content"])}
		if role := message.Role; d.err == nil && role != "system" && role != "user" && role != "assistant" {
			d.errorf(f["role"], "unknown role %q: it is system, user or assistant", role)
		}
		r.ask.Messages = append(r.ask.Messages, message)
	}
	return r
}

// fields returns the values of a mapping whose keys are known; one with a
// question mark may be absent. A nil node has been reported already.
func (d *decoder) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	if n == nil {
		return out
	}
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		d.errorf(n, "%s is a mapping, without anchors", what)
		return out
	}
	names := map[string]bool{}
	for _, k := range known {
		names[strings.TrimSuffix(k, "?")] = true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || !names[key.Value]:
			d.errorf(key, "unknown key %q in %s", key.Value, what)
		case out[key.Value] != nil:
			d.errorf(key, "key %q of %s given twice", key.Value, what)
		default:
			out[key.Value] = n.Content[i+1]
		}
	}
	for _, k := range known {
		if out[k] == nil && !strings.HasSuffix(k, "?") {
			d.errorf(n, "missing key %q in %s", k, what)
		}
	}
	return out
}

func (d *decoder) text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.ShortTag() != "!!str" {
		d.errorf(n, "not a string: quote it")
		return ""
	}
	return n.Value
}

const maxNumber = 1 << 30 // no sample and no count of tokens is larger

func (d *decoder) number(n *yaml.Node) int {
	if n == nil {
		return 0
	}
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.ShortTag() != "!!int" || err != nil || i < 0 || i > maxNumber {
		d.errorf(n, "not a number from 0 to %d", maxNumber)
		return 0
	}
	return i
}
