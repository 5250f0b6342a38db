// Package openai asks a server that speaks the chat protocol of OpenAI: OpenAI
// itself, Azure OpenAI, GitHub Models, vLLM, Ollama, llama.cpp, or whatever
// answers /chat/completions likewise. It owns the connection, the key, waiting
// and retrying, the run's token budget, and the words in which a server is asked
// for JSON.
//
// It refuses to follow a redirect, to send the key to any other place or in the
// clear, to hand on a text that holds the key, to read more than maxBody of an
// answer, and to take for an answer what is only part of one, a stream of
// events, a tool call or a web page. What an answer says is not its business:
// the text goes to package model unread.
//
// Every text of a server is untrusted. It gets into an error as one line of at
// most maxSaid bytes, without control characters and without the key.
package openai

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	api "github.com/sashabaranov/go-openai"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// Options say whom to ask, and how. The zero value of each but Model works.
type Options struct {
	BaseURL    string // up to and without /chat/completions; empty: OpenAI's
	Model      string // for Azure the deployment
	Key        string
	KeyFrom    string // the variable or file that holds Key, for hints
	Azure      bool   // key in a header of its own, deployment in the path
	APIVersion string // Azure's; a recent one if empty
	Insecure   bool   // plain http to a host other than this one is meant

	Timeout     time.Duration // of one call, its whole body included; 0 is two minutes
	Retries     int           // after failures that may pass; 0 is 4, negative none
	MaxTokens   int           // of the whole run; 0 is no limit
	MaxAnswer   int           // tokens of one answer; 0 is 4000
	Temperature float32       // of samples after the first; 0 is 0.7

	HTTP   http.RoundTripper                          // nil: the default one, with its proxy settings
	Sleep  func(context.Context, time.Duration) error // nil: sleep
	Jitter func() float64                             // from [0,1); nil: random
}

const (
	defaultURL     = "https://api.openai.com/v1"
	defaultTimeout = 2 * time.Minute
	defaultRetries = 4
	defaultAnswer  = 4000 // what GitHub Models gives at most
	defaultSpread  = 0.7
	azureVersion   = "2024-10-21" // the first that is no preview and knows json_schema
)

// Client is a chat.Completer for one model at one server. Its calls share what
// was learnt about the server, its pauses and the token budget, so that a run
// needs one Client, not one per intent.
type Client struct {
	o     Options
	where string // host and path of the endpoint, for errors
	http  *http.Client
	scrub *scrubber

	ladder ladder
	gate   gate
	budget budget
}

// New checks the options. Its error is an *chat.Error with a hint.
func New(o Options) (*Client, error) {
	if o.BaseURL == "" && !o.Azure {
		o.BaseURL = defaultURL
	}
	if o.Azure && o.APIVersion == "" {
		o.APIVersion = azureVersion
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	if o.MaxAnswer <= 0 {
		o.MaxAnswer = defaultAnswer
	}
	if o.Temperature <= 0 {
		o.Temperature = defaultSpread
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.HTTP == nil {
		o.HTTP = transport()
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Client{
		o:      o,
		scrub:  newScrubber(o.Key),
		budget: budget{limit: o.MaxTokens, rate: tokensPerByte},
		http: &http.Client{
			Transport:     o.HTTP,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.ladder.at = known(o.Model)
	endpoint, _ := c.Body(chat.Request{})
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, misused(line(o.Model)+" is no chat model", "name a model that answers at /chat/completions, such as openai/gpt-4.1")
	}
	c.where = c.scrub.line(u.Host + u.Path)
	return c, nil
}

var deployment = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// check refuses options that could send the key astray.
func (o *Options) check() error {
	u, err := url.Parse(o.BaseURL)
	switch {
	case o.Model == "" || len(o.Model) > 256 || line(o.Model) != o.Model:
		return misused("no usable name of a model", "name the model, such as openai/gpt-4.1")
	case o.BaseURL == "":
		return misused("no base URL of the Azure resource", "write it like https://NAME.openai.azure.com")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return misused("the model's base URL is no http(s) URL", "write it like "+defaultURL)
	case u.User != nil:
		return misused("the model's base URL holds a user or password", "put the key into a variable or file of its own")
	case u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/chat/completions"):
		return misused("the model's base URL is more than a base", "write it without /chat/completions and without a query, like "+defaultURL)
	case u.Scheme == "http" && !o.Insecure && !loopback(u.Hostname()):
		return misused("the key and the prompt would go to "+line(u.Host)+" unencrypted", "use https, or --insecure where plain http is meant")
	case o.Azure && !deployment.MatchString(o.Model):
		return misused("an Azure deployment's name has letters, digits, dots, dashes and underscores only", "write the deployment's name where the model's goes")
	case o.Azure && strings.Contains(u.Path, "/deployments"):
		return misused("the model's base URL holds a deployment", "write only https://NAME.openai.azure.com, and the deployment where the model's name goes")
	case len(o.Key) > 16<<10 || strings.ContainsFunc(o.Key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return misused("the key holds a space, a line break or other characters that no key has", "look at the end of "+o.keyFrom())
	}
	return nil
}

// keyFrom names the place of the key.
func (o *Options) keyFrom() string {
	if o.KeyFrom == "" {
		return "the model's key"
	}
	return line(o.KeyFrom)
}

func misused(message, hint string) error {
	return &chat.Error{Kind: chat.Rejected, Message: message, Hint: hint}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// transport is the default one with limits on what comes before a server works.
// After that the call's own time limit holds, for the header and the body: a
// server says nothing until it has the whole answer.
func transport() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// Used returns the tokens of the run so far: what the server said, and an
// estimate for answers that came without a count.
func (c *Client) Used() (prompt, completion int) { return c.budget.used() }

// Complete asks until there is an answer, or a failure that does not pass by
// waiting. A server that does not know the form in which it was asked is asked
// in a lesser one, which is no retry.
func (c *Client) Complete(ctx context.Context, r chat.Request) (chat.Reply, error) {
	for tries := 0; ; {
		if err := c.gate.wait(ctx, c.o.Sleep, c.o.Jitter); err != nil {
			return chat.Reply{}, err
		}
		if f := c.gate.ended(); f != nil {
			return chat.Reply{}, f.public()
		}
		d := c.ladder.now()
		reply, f := c.ask(ctx, d, r)
		if f == nil {
			c.gate.served()
			return reply, nil
		}
		if err := ctx.Err(); err != nil {
			return chat.Reply{}, err
		}
		if c.ladder.learn(d, f) {
			continue
		}
		pause, again := c.again(ctx, f, tries)
		if c.gate.ends(f) {
			c.gate.end(f)
		}
		if !again {
			c.gate.missed(f)
			return chat.Reply{}, f.public()
		}
		tries++
		if f.told > 0 {
			c.gate.close(pause) // others wait too: the next turn of the loop waits
		} else if err := c.o.Sleep(ctx, pause); err != nil {
			return chat.Reply{}, err
		}
	}
}

// ask sends one request and checks the answer.
func (c *Client) ask(ctx context.Context, d dialect, r chat.Request) (chat.Reply, *failure) {
	body, err := c.encode(d, r)
	if err != nil {
		return chat.Reply{}, &failure{kind: chat.Rejected, message: "the request cannot be encoded: " + line(err.Error())}
	}
	held, ok := c.budget.reserve(len(body), c.o.MaxAnswer)
	if !ok {
		return chat.Reply{}, c.spent()
	}
	call, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	x := &exchange{client: c, body: body}
	resp, err := c.api(x).CreateChatCompletion(call, c.request(d, r))
	if err != nil {
		f := c.failed(err)
		c.budget.settle(held, api.Usage{}, f.billed)
		return chat.Reply{}, f
	}
	c.budget.settle(held, resp.Usage, true)
	return c.answer(resp)
}

// failed finds the failure in what go-openai returns. Errors that it makes
// itself are about the request or about decoding the answer.
func (c *Client) failed(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if errors.Is(err, api.ErrChatCompletionInvalidModel) {
		return c.noModel("it is known not to be a chat model")
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return c.malformed("an answer that is no chat completion: its "+c.scrub.line(wrong.Field)+" is of another type", hintBase)
	}
	return c.malformed("an answer that is no chat completion: "+c.scrub.line(err.Error()), hintBase)
}

// api is go-openai's client for one exchange.
func (c *Client) api(x *exchange) *api.Client {
	conf := api.DefaultConfig(c.o.Key)
	if c.o.Azure {
		conf = api.DefaultAzureConfig(c.o.Key, c.o.BaseURL)
		conf.AzureModelMapperFunc = func(model string) string { return model }
	}
	conf.BaseURL, conf.APIVersion, conf.HTTPClient = strings.TrimRight(c.o.BaseURL, "/"), c.o.APIVersion, x
	return api.NewClientWithConfig(conf)
}

// Body returns what would be posted for r, and where: it takes the way of a
// real request up to the point of sending.
func (c *Client) Body(r chat.Request) (string, []byte) {
	d := c.ladder.now()
	body, err := c.encode(d, r)
	if err != nil {
		return "", nil
	}
	x := &exchange{client: c, body: body, dry: true}
	// The error is the exchange's own, which ends every dry run.
	_, _ = c.api(x).CreateChatCompletion(context.Background(), c.request(d, r))
	return x.url, body
}

// sleep waits for d, or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
