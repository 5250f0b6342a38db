package forge

// The connection: where requests may go, and how much may come back.

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const (
	maxAnswer    = 32 << 20 // 100 comments at their longest, four bytes a character
	maxRefusal   = 1 << 20
	maxRedirects = 3
)

var errTooLarge = errors.New("the answer is too large")

// errRedirect is an answer that points elsewhere.
type errRedirect struct{ why string }

func (e errRedirect) Error() string { return e.why }

// guard lets requests pass to one host only, and cuts answers short. It lies
// below what adds the token, and so sees every request that carries it.
type guard struct {
	next http.RoundTripper
	base *url.URL
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != g.base.Scheme || hostport(req.URL) != hostport(g.base) {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, errRedirect{"it would be sent to another host"}
	}
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	limit := int64(maxAnswer)
	if resp.StatusCode >= 300 {
		limit = maxRefusal
	}
	resp.Body = &capped{ReadCloser: resp.Body, left: limit}
	return resp, nil
}

// sameHost allows a few redirects on the API's own host, such as those of a
// renamed repository, as long as the method stays: a POST that became a GET would
// pass for a comment.
func sameHost(base *url.URL) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		switch {
		case req.URL.Scheme != base.Scheme || hostport(req.URL) != hostport(base):
			return errRedirect{fmt.Sprintf("it redirects to %s", clean(req.URL.Host))}
		case len(via) > maxRedirects:
			return errRedirect{"it redirects again and again"}
		case req.Method != via[0].Method:
			return errRedirect{fmt.Sprintf("it redirects a %s to another address", via[0].Method)}
		}
		return nil
	}
}

// capped is a body that fails when it is longer than it may be.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		// One byte more would be too many; none is the end.
		var one [1]byte
		n, err := c.ReadCloser.Read(one[:])
		if n > 0 {
			return 0, errTooLarge
		}
		return 0, err
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.ReadCloser.Read(p)
	c.left -= int64(n)
	return n, err
}
