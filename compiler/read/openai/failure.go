package openai

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// whether a failure may pass by itself.
const (
	never   = iota
	few     // a connection that broke: twice, then somebody has to look
	patient // the server is busy
)

// failure is one request that got no answer. It is an error only on its way
// through go-openai; Complete returns a chat.Error made of it, which wraps
// nothing, since errors of the network quote URLs and headers.
type failure struct {
	kind          chat.Kind
	message, hint string
	retry         int
	told          time.Duration // what the server wants to be waited
	billed        bool          // the server may have worked for it
	status        int           // 0: it did not get that far
	said          speech
}

func (f *failure) Error() string { return f.message }

func (f *failure) public() *chat.Error {
	return &chat.Error{Kind: f.kind, Message: f.message, Hint: f.hint, RetryAfter: f.told}
}

const (
	hintBase  = "look at the base URL: it is what comes before /chat/completions, and ends in /v1 for most servers"
	hintQuota = "what was read so far is kept: run it again when the limit is over, or use another model"
	hintLong  = "use a model with a longer context, or name what the statement is about more exactly"
)

func (c *Client) malformed(what, hint string) *failure {
	return &failure{kind: chat.Malformed, message: c.where + " sends " + what, hint: hint, billed: true}
}

func (c *Client) noModel(why string) *failure {
	return &failure{
		kind:    chat.NotFound,
		message: fmt.Sprintf("%s has no chat model %s: %s", c.where, c.scrub.line(c.o.Model), why),
		hint:    "look at the model's name: it is the server's name for it, on Azure the deployment's, on GitHub Models with its publisher, such as openai/gpt-4.1",
	}
}

func (c *Client) spent() *failure {
	used, held := c.budget.state()
	return &failure{
		kind:    chat.Budget,
		message: fmt.Sprintf("one more question could pass the run's budget of %d tokens: %d are used, and questions under way may use %d", c.o.MaxTokens, used, held),
		hint:    "what was read so far is kept: run it again, with a larger budget if one question does not fit",
	}
}

// broken is a request without a whole answer. Begun says that the header came.
func (c *Client) broken(ctx context.Context, err error, begun bool) *failure {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL is said in our words
	}
	why := c.scrub.line(err.Error())
	var network net.Error
	switch {
	case ctx.Err() != nil:
		return &failure{
			kind: chat.Timeout, billed: true,
			message: fmt.Sprintf("%s gave no whole answer within %s", c.where, c.o.Timeout),
			hint:    "give a call more time, or use a faster model",
		}
	case !begun && errors.As(err, &network) && network.Timeout(): // dialling, or shaking hands
		return &failure{kind: chat.Timeout, retry: few, message: c.where + " is silent: " + why, hint: "look at the base URL, and whether the server can be reached from here"}
	case begun:
		return &failure{kind: chat.Malformed, retry: few, billed: true, message: c.where + " cut its answer short: " + why, hint: "try again; if it stays so, look at the server's log and at proxies in between"}
	case isTLS(err):
		return &failure{kind: chat.Network, message: "no trusted connection to " + c.where + ": " + why, hint: "install the authority that signed the server's certificate, or mend the base URL"}
	case strings.Contains(why, "HTTP response to HTTPS"):
		return &failure{kind: chat.Network, message: c.where + " does not speak TLS", hint: "write http:// in the base URL if that server is meant"}
	}
	f := &failure{kind: chat.Network, retry: few, message: "no connection to " + c.where + ": " + why, hint: "look at the base URL, and whether the server runs and can be reached from here"}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		f.retry = never
	}
	if !errors.Is(err, syscall.ECONNREFUSED) && !isDial(err) {
		f.billed = true // the request may have arrived
	}
	return f
}

func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok && !errors.Is(err, io.EOF)
}

var (
	noMoney  = regexp.MustCompile(`insufficient_quota|insufficient[_ ]balance|billing_(hard_limit|not_active)`)
	perDay   = regexp.MustCompile(`byday|per day|per 86400s|daily|\brpd\b|\btpd\b`)
	tooBig   = regexp.MustCompile(`request too large|context_length|context length|maximum context|tokens_limit|too many tokens|exceed_context`)
	filtered = regexp.MustCompile(`content_filter|responsibleaipolicy|content management policy`)
	noAccess = regexp.MustCompile(`model_not_found|unknown_model|unavailable_model`)
	theModel = regexp.MustCompile(`model_not_found|unknown_model|unavailable_model|deploymentnotfound|\bmodel\b|deployment`)
)

// refused is an answer with a status other than success.
func (c *Client) refused(status int, h http.Header, body []byte) *failure {
	s := listen(h, body)
	f := &failure{status: status, said: s, message: fmt.Sprintf("%s answers %d", c.where, status)}
	words := s.words()
	if said := c.scrub.line(s.message); said != "" && status != http.StatusUnauthorized {
		f.message += ": " + said // a 401 quotes the key, or part of it
	}
	if s.html {
		f.message += ": a web page"
	}
	switch {
	case status >= 300 && status < 400:
		f.kind, f.hint = chat.NotFound, "the server is elsewhere, and the key goes to no place that was not configured: write the new base URL"
		if to, err := url.Parse(h.Get("Location")); err == nil && to.Host != "" {
			f.message += ": go to " + c.scrub.line(to.Scheme+"://"+to.Host+to.Path)
		}
	case status == http.StatusUnauthorized:
		f.kind, f.message, f.hint = chat.Unauthorized, f.message+": the key is missing or refused", c.hintKey()
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && h.Get("Retry-After") != "":
		c.limited(f, h, words)
	case status == http.StatusPaymentRequired:
		f.kind, f.hint = chat.Quota, hintQuota
	case status == http.StatusForbidden && !noAccess.MatchString(words):
		f.kind, f.hint = chat.Unauthorized, c.hintKey()
	case filtered.MatchString(words):
		f.kind, f.hint = chat.Filtered, "say the statement in other words"
	case status == http.StatusRequestEntityTooLarge, tooBig.MatchString(words) && status < 500:
		f.kind, f.hint = chat.Rejected, hintLong
	case status == http.StatusMethodNotAllowed:
		f.kind, f.hint = chat.NotFound, hintBase
	case status == http.StatusNotFound, noAccess.MatchString(words):
		c.missing(f, words)
	case status == http.StatusProxyAuthRequired:
		f.kind, f.hint = chat.Network, "the proxy in between wants credentials of its own"
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly:
		f.kind, f.retry, f.hint = chat.Server, patient, "the server keeps failing: what was read so far is kept, run it again later"
		f.told = retryAfter(h)
		if status == http.StatusNotImplemented {
			f.retry = never
		}
	default:
		f.kind, f.hint = chat.Rejected, "the server takes no such request: look at the model's name and at what the server supports"
	}
	return f
}

// limited tells a limit that passes from one that does not.
func (c *Client) limited(f *failure, h http.Header, words string) {
	f.told = retryAfter(h)
	f.kind, f.retry, f.hint = chat.RateLimited, patient, "ask fewer at a time, or run it again later: what was read so far is kept"
	switch {
	case tooBig.MatchString(words):
		f.kind, f.retry, f.hint = chat.Rejected, never, hintLong
	case noMoney.MatchString(words), f.told > maxTold,
		f.told == 0 && perDay.MatchString(words+" "+strings.ToLower(h.Get("X-Ratelimit-Type"))):
		f.kind, f.retry, f.hint = chat.Quota, never, hintQuota
	}
	if f.told > 0 {
		f.message += fmt.Sprintf(" (wait %s)", f.told.Round(time.Millisecond))
	}
}

// missing tells a model that is not there from a path that is not.
func (c *Client) missing(f *failure, words string) {
	f.kind = chat.NotFound
	if !f.said.html && (theModel.MatchString(words) || strings.Contains(words, strings.ToLower(c.o.Model))) {
		why := c.scrub.line(f.said.message)
		if why == "" {
			why = fmt.Sprint(f.status)
		}
		m := c.noModel(why)
		f.message, f.hint = m.message, m.hint
		return
	}
	f.message += fmt.Sprintf(" (asked for model %s)", c.scrub.line(c.o.Model))
	f.hint = hintBase
}

// hintKey says where the key came from.
func (c *Client) hintKey() string {
	hint := "the key is in " + c.o.keyFrom() + ": is it one of this server, and still valid"
	if c.o.Key == "" {
		hint = "no key was sent: put one into " + c.o.keyFrom()
	}
	if strings.HasPrefix(c.where, "models.github.ai/") {
		hint += "; in a workflow, the job needs permissions: models: read"
	}
	return c.scrub.line(hint)
}
