package replay

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// Recorder is a chat.Completer that keeps the questions it passes on, and their
// answers.
type Recorder struct {
	root   *os.Root
	next   chat.Completer
	scrub  *strings.Replacer
	secret bool

	mu  sync.Mutex
	err error
}

const (
	removed   = "[removed]"
	minSecret = 6 // bytes; a shorter one would be found in any text, and protects nothing
)

// Record returns a recorder that writes a file into root for every answer of
// next. secrets are kept out of the files in whatever form a server may send them
// back: as they are, percent-encoded, in base64. A question that itself holds one
// is recorded without it, so that it is not found again when it is replayed.
//
// Files are replaced, never removed: answers that are no longer asked for stay
// until somebody empties the folder.
func Record(root *os.Root, next chat.Completer, secrets ...string) *Recorder {
	r := &Recorder{root: root, next: next}
	var pairs []string
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		forms := []string{s, url.QueryEscape(s), url.PathEscape(s), base64.StdEncoding.EncodeToString([]byte(s)),
			base64.RawStdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s))}
		// Of two forms that begin alike the replacer takes the earlier one.
		slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
		for _, f := range forms {
			pairs = append(pairs, f, removed)
		}
	}
	r.scrub, r.secret = strings.NewReplacer(pairs...), len(pairs) > 0
	return r
}

// Err is the first failure to record. Answers are returned all the same.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Complete passes the question on and records a successful answer.
func (r *Recorder) Complete(ctx context.Context, q chat.Request) (chat.Reply, error) {
	reply, err := r.next.Complete(ctx, q)
	if err != nil {
		return reply, err
	}
	if err := r.write(of(r.clean(q, reply))); err != nil {
		r.mu.Lock()
		if r.err == nil {
			r.err = fmt.Errorf("recording the answer about %s: %w", q.Intent, err)
		}
		r.mu.Unlock()
	}
	return reply, nil
}

// clean removes the secrets from a copy of both.
func (r *Recorder) clean(q chat.Request, reply chat.Reply) (chat.Request, chat.Reply) {
	if !r.secret {
		return q, reply
	}
	q.Intent = r.scrub.Replace(q.Intent)
	q.SchemaName = r.scrub.Replace(q.SchemaName)
	q.Messages = slices.Clone(q.Messages)
	for i, m := range q.Messages {
		q.Messages[i] = chat.Message{Role: m.Role, Content: r.scrub.Replace(m.Content)}
	}
	reply.Text, reply.Model, reply.Finish = r.scrub.Replace(reply.Text), r.scrub.Replace(reply.Model), r.scrub.Replace(reply.Finish)
	return q, reply
}

// write puts a file in place by rename. Bytes that are there already are left
// alone, so that a second run touches nothing.
func (r *Recorder) write(rec recording) error {
	data, err := rec.encode()
	if err != nil {
		return err
	}
	name := rec.name()
	if r.holds(name, data) {
		return nil
	}
	temporary := ".tmp-" + rand.Text()
	f, err := r.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = r.root.Rename(temporary, name)
	}
	if err != nil {
		if gone := r.root.Remove(temporary); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// holds says whether a regular file has these bytes.
func (r *Recorder) holds(name string, data []byte) bool {
	info, err := r.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(data)) {
		return false
	}
	f, err := r.root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	there, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return err == nil && bytes.Equal(there, data)
}
