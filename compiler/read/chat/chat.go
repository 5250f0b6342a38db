// Package chat is what a conversation with a model is made of: requests,
// replies, and the errors of servers. It opens no connection; package openai
// does, and packages cache and replay stand before it.
package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Message is one turn. Role is system, user or assistant.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request is one question. Two requests with equal fields have the same answer
// as far as caches and records are concerned; Sample tells apart those that ask
// the same for an independent answer, counted from 0.
type Request struct {
	Intent     string          `json:"intent,omitempty"` // set/name, for records, progress and errors; never sent
	Messages   []Message       `json:"messages"`
	SchemaName string          `json:"schema_name"`
	Schema     json.RawMessage `json:"schema"` // JSON Schema of the answer
	Sample     int             `json:"sample"`
}

// Reply is one answer. Text is the model's, unchecked. Token counts are the
// server's, 0 where it gives none.
type Reply struct {
	Text             string `json:"text"`
	Model            string `json:"model,omitempty"` // as the server names it
	Finish           string `json:"finish,omitempty"`
	PromptTokens     int    `json:"prompt_tokens,omitempty"`
	CompletionTokens int    `json:"completion_tokens,omitempty"`
}

// Completer answers requests. Its error is an *Error, or the context's. It may
// be called by several goroutines at once.
type Completer interface {
	Complete(ctx context.Context, r Request) (Reply, error)
}

// Kind says what went wrong with a server, a cache or a record.
type Kind string

// The kinds of Error.
const (
	Unauthorized Kind = "unauthorized" // the key is missing or refused
	NotFound     Kind = "not-found"    // no such model, or no chat endpoint there
	RateLimited  Kind = "rate-limited" // still limited after waiting
	Quota        Kind = "quota"        // the day's or the account's limit: waiting a little does not help
	Server       Kind = "server"       // the server failed, again and again
	Network      Kind = "network"      // no connection, TLS, a connection that broke
	Timeout      Kind = "timeout"      // no whole answer in time
	Malformed    Kind = "malformed"    // an answer that is no chat completion, too large, cut
	Truncated    Kind = "truncated"    // finish_reason length
	Filtered     Kind = "filtered"     // content_filter, or a refusal
	Budget       Kind = "budget"       // the run's token budget would be passed
	Unrecorded   Kind = "unrecorded"   // nothing recorded answers this request
	Rejected     Kind = "rejected"     // the server refuses the request itself (400, 413, 422)
)

// Error is a question that got no answer. Message is lower case and holds no
// key; what of it comes from the server is untrusted text. Hint says what to do.
type Error struct {
	Kind       Kind
	Message    string
	Hint       string
	RetryAfter time.Duration // what the server asked for; 0 if nothing
	Err        error
}

func (e *Error) Error() string {
	if e.Err != nil && e.Message == "" {
		return fmt.Sprintf("%s: %v", e.Kind, e.Err)
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }
