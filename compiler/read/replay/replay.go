// Package replay keeps what a model was asked and what it answered as files that
// people can read, and answers from such files in place of a model.
//
// A recording is made for pull requests, demonstrations and tests, a cache entry
// (package cache) for speed: one is read by people and holds the whole
// conversation, the other is neither.
//
// Neither recording nor replaying trusts a file: Open decodes strictly and with
// limits, and an answer from a file is as untrusted as one from a server. Only
// answers are recorded, never errors, which are of the moment. Nothing of headers
// reaches this package; keys that the caller names are removed from texts all the
// same, in case a server sends them back.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kubeteus/kubeteus/compiler/diag"
	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

const (
	maxFiles = 20_000
	maxTotal = 256 << 20 // bytes of all files
	maxBad   = 10        // files that Open complains of
)

// Replies answers from recordings.
type Replies struct {
	byKey    map[string][]recording // sorted by file
	byIntent map[string][]recording // sorted by file
}

// Open reads the recordings of a folder: its .yaml files, but for hidden ones,
// and none of its folders. What is wrong with them comes as one or several
// *FileError, joined; every other error is the machine's.
func Open(fsys fs.FS) (*Replies, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	out := &Replies{byKey: map[string][]recording{}, byIntent: map[string][]recording{}}
	var bad []error
	files, total := 0, 0
	refuse := func(name, format string, args ...any) {
		bad = append(bad, &FileError{diag.Position{File: name}, fmt.Sprintf(format, args...)})
	}
	for _, e := range entries {
		name := e.Name()
		if path.Ext(name) != ".yaml" || strings.HasPrefix(name, ".") {
			continue
		}
		if len(bad) == maxBad {
			break
		}
		if files++; files > maxFiles {
			refuse(name, "more than %d recordings", maxFiles)
			break
		}
		data, err := readFile(fsys, name)
		var wrong *FileError
		if err != nil && !errors.As(err, &wrong) {
			return nil, err
		}
		total += len(data)
		if total > maxTotal {
			refuse(name, "the recordings are larger than %d bytes together", maxTotal)
			break
		}
		var r recording
		if err == nil {
			r, err = decode(name, data)
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		if i := slices.IndexFunc(out.byIntent[r.intent], func(o recording) bool { return o.key() == r.key() }); i >= 0 {
			refuse(name, "the same question about the same intent as in %s: remove one of them", out.byIntent[r.intent][i].file)
			continue
		}
		out.byKey[r.key()] = append(out.byKey[r.key()], r)
		out.byIntent[r.intent] = append(out.byIntent[r.intent], r)
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return out, nil
}

// readFile reads a regular file that is not too large.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	// Not fs.Stat: a pipe must not be opened, and a link is no recording.
	info, err := fs.Lstat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &FileError{diag.Position{File: name}, "not a regular file"}
	case info.Size() > maxFile:
		return nil, &FileError{diag.Position{File: name}, fmt.Sprintf("larger than %d bytes", maxFile)}
	}
	return fs.ReadFile(fsys, name)
}

// Len is the number of recordings.
func (p *Replies) Len() int {
	n := 0
	for _, r := range p.byKey {
		n += len(r)
	}
	return n
}

// Complete answers with what was recorded for the same question: about the same
// intent if there is one, else about the first by file name. Nothing else comes
// near enough: an answer to another question is no answer.
func (p *Replies) Complete(ctx context.Context, r chat.Request) (chat.Reply, error) {
	if err := ctx.Err(); err != nil {
		return chat.Reply{}, err
	}
	asked := of(r, chat.Reply{})
	found := p.byKey[asked.key()]
	if i := slices.IndexFunc(found, func(f recording) bool { return f.intent == r.Intent }); i >= 0 {
		return found[i].reply, nil
	}
	if len(found) > 0 {
		return found[0].reply, nil
	}
	return chat.Reply{}, &chat.Error{Kind: chat.Unrecorded, Message: p.why(asked), Hint: "record it again: kubeteus compile --record DIR, with a model"}
}

// why says how the question differs from those recorded about its intent; from
// the one that is nearest.
func (p *Replies) why(asked recording) string {
	recorded := p.byIntent[asked.intent]
	if len(recorded) == 0 {
		return fmt.Sprintf("nothing is recorded about intent %s", asked.intent)
	}
	best, reason, file := -1, "", ""
	for _, r := range recorded {
		if rank, why := difference(asked, r); rank > best {
			best, reason, file = rank, why, r.file
		}
	}
	return fmt.Sprintf("no recorded answer about intent %s: %s (%s is the nearest)", asked.intent, reason, file)
}

// difference words the first difference between two questions, and ranks how
// near they are.
func difference(asked, recorded recording) (rank int, why string) {
	a, b := asked.ask.Messages, recorded.ask.Messages
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	const last = 1 << 20 // the messages are the same
	switch {
	case same < len(a) && same < len(b):
		m := a[same]
		if m.Role == "system" {
			return same, "the prompt's template changed since"
		}
		if same <= 1 {
			return same, fmt.Sprintf("the statement or the inventory changed since; the questions differ from line %d of the %s's words on", line(m.Content, b[same].Content), m.Role)
		}
		return same, "the conversation about it took another turn"
	case len(a) > len(b):
		return same, "the conversation about it goes on for longer now"
	case len(a) < len(b):
		return same, "only later turns of the conversation about it are recorded"
	case asked.schema != recorded.schema || asked.ask.SchemaName != recorded.ask.SchemaName:
		return last, "the schema of the answer changed since"
	default:
		return last + 1, fmt.Sprintf("answer %d to the same question is asked for, and answer %d is recorded", asked.ask.Sample+1, recorded.ask.Sample+1)
	}
}

// line is the first line in which two texts differ, counted from 1.
func line(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return 1 + strings.Count(a[:n], "\n")
}
