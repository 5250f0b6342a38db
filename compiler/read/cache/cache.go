// Package cache keeps the answers of a model in a folder, so that nothing is
// asked twice: a run that a server's daily limit stopped resumes where it was,
// and an unchanged statement costs nothing.
//
// One file per request, named by the request's digest; ab/cdef….json below the
// root. A file holds the reply and the digest again, and nothing of headers or
// keys, which do not reach this package. What is read is taken only if it is,
// byte for byte, what would be written: a file that was cut, edited, moved or put
// there by somebody is as good as absent, and is overwritten. Beyond that a cached
// answer is what every answer of a model is, untrusted.
//
// Files are written beside their place and renamed, so that any number of
// processes may share a folder, and Ctrl-C at any moment leaves a whole file or
// none (a killed process may leave one whose name begins with .tmp-). Of two
// processes that ask the same at once both are answered, and the later answer
// stays.
//
// The folder has no bound of its own: answers are a few kilobytes, and nothing
// here can tell which are still wanted. Removing it, or files of it, is safe at
// any time, while it is used too.
package cache

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

const (
	version = 1       // of the files' format
	maxSize = 4 << 20 // bytes of a file; no answer that is worth keeping is larger
)

// Cache is a chat.Completer that asks another one what it does not know yet.
type Cache struct {
	root *os.Root
	salt string
	next chat.Completer
	hits atomic.Int64

	mu      sync.Mutex
	flights map[string]*flight
	err     error
}

// flight is a question under way. reply and err are set once done is closed.
type flight struct {
	done  chan struct{}
	reply chat.Reply
	err   error
}

// New returns a cache in root, in front of next. salt is what bears on answers
// beside the request: endpoint, model, parameters.
func New(root *os.Root, salt string, next chat.Completer) *Cache {
	return &Cache{root: root, salt: salt, next: next, flights: map[string]*flight{}}
}

// Hits is how many requests were answered without asking.
func (c *Cache) Hits() int { return int(c.hits.Load()) }

// Err is the first failure to keep an answer. Answers are returned all the same:
// a full disk is no reason to lose what was paid for.
func (c *Cache) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Complete answers from the folder, or asks. Requests that are equal and under
// way at once are asked once; if that one fails, the next of them asks for
// itself, since the failure may be of the other's context.
func (c *Cache) Complete(ctx context.Context, r chat.Request) (chat.Reply, error) {
	digest := r.Digest(c.salt)
	for {
		if err := ctx.Err(); err != nil {
			return chat.Reply{}, err
		}
		c.mu.Lock()
		f := c.flights[digest]
		if f == nil {
			f = &flight{done: make(chan struct{}), err: errAborted}
			c.flights[digest] = f
			c.mu.Unlock()
			c.fly(ctx, r, digest, f)
			return f.reply, f.err
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return chat.Reply{}, ctx.Err()
		case <-f.done:
			if f.err == nil {
				c.hits.Add(1)
				return f.reply, nil
			}
		}
	}
}

// errAborted is what others see of a question whose asker panicked.
var errAborted = errors.New("the question was not finished")

func (c *Cache) fly(ctx context.Context, r chat.Request, digest string, f *flight) {
	defer func() {
		c.mu.Lock()
		delete(c.flights, digest)
		c.mu.Unlock()
		close(f.done)
	}()
	if reply, ok := c.read(digest); ok {
		c.hits.Add(1)
		f.reply, f.err = reply, nil
		return
	}
	if f.reply, f.err = c.next.Complete(ctx, r); f.err != nil || !complete(f.reply) {
		return
	}
	if err := c.write(digest, f.reply); err != nil {
		c.mu.Lock()
		if c.err == nil {
			c.err = fmt.Errorf("keeping an answer in the cache: %w", err)
		}
		c.mu.Unlock()
	}
}

// complete says whether a reply is worth keeping: a whole one, that comes back
// from a file as it went in.
func complete(r chat.Reply) bool {
	return r.Text != "" && (r.Finish == "" || r.Finish == "stop") && utf8.ValidString(r.Text) && utf8.ValidString(r.Model)
}

// entry is what a file holds.
type entry struct {
	Version int        `json:"version"`
	Digest  string     `json:"digest"`
	Reply   chat.Reply `json:"reply"`
}

// encode returns a file's bytes. Strings, numbers and nothing else always encode.
func encode(digest string, r chat.Reply) []byte {
	data, _ := json.Marshal(entry{version, digest, r})
	return append(data, '\n')
}

// decode is the inverse of encode, and takes nothing else.
func decode(digest string, data []byte) (chat.Reply, bool) {
	var e entry
	if json.Unmarshal(data, &e) != nil || !complete(e.Reply) || !bytes.Equal(data, encode(digest, e.Reply)) {
		return chat.Reply{}, false
	}
	return e.Reply, true
}

func place(digest string) string { return digest[:2] + "/" + digest[2:] + ".json" }

// read returns a kept reply. Whatever is in the way of that is a miss.
func (c *Cache) read(digest string) (chat.Reply, bool) {
	name := place(digest)
	// Only a regular file is opened: a pipe would block for ever.
	info, err := c.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSize {
		return chat.Reply{}, false
	}
	f, err := c.root.Open(name)
	if err != nil {
		return chat.Reply{}, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil || len(data) > maxSize {
		return chat.Reply{}, false
	}
	return decode(digest, data)
}

// write keeps a reply, by rename.
func (c *Cache) write(digest string, r chat.Reply) error {
	data := encode(digest, r)
	if len(data) > maxSize {
		return nil
	}
	name := place(digest)
	if err := c.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	temporary := path.Join(path.Dir(name), ".tmp-"+rand.Text())
	f, err := c.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = c.root.Rename(temporary, name)
	}
	if err != nil {
		if gone := c.root.Remove(temporary); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
