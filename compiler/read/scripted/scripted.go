// Package scripted is a server for tests: it speaks the chat protocol of OpenAI
// over real HTTP on loopback, answers by a script, and fails in every way that a
// test asks for. It keeps what it was asked, so that a test can say what was
// sent, how often, and what was not.
//
// It listens on 127.0.0.1 and nowhere else, knows no model and decides nothing:
// what a test is told by it is scripted, and has to be called so. Only tests
// import it.
package scripted

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxRequest is how much of a request is kept.
const maxRequest = 4 << 20

// Recorded is one request as it came in.
type Recorded struct {
	Method, Path, Query string
	Header              http.Header
	Body                []byte
}

// Reply answers one request, in whatever way.
type Reply func(w http.ResponseWriter, r *http.Request)

// Script says what the n-th request gets, counted from 0. It is called by
// several goroutines at once.
type Script func(n int, r Recorded) Reply

// Server is a running server.
type Server struct {
	URL string // scheme, host and port; append /v1 where a base URL is wanted

	script   Script
	http     *http.Server
	done     chan struct{}
	written  atomic.Int64
	accepted atomic.Int64

	mu       sync.Mutex
	requests []Recorded
}

// Start runs a server. The caller closes it.
func Start(script Script) (*Server, error) { return start(script, "http", nil) }

// StartTLS runs a server whose certificate nobody vouches for.
func StartTLS(script Script) (*Server, error) {
	cert, err := certificate()
	if err != nil {
		return nil, err
	}
	return start(script, "https", &tls.Config{Certificates: []tls.Certificate{cert}})
}

func start(script Script, scheme string, config *tls.Config) (*Server, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{URL: scheme + "://" + l.Addr().String(), script: script, done: make(chan struct{})}
	s.http = &http.Server{Handler: s}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(&listener{Listener: l, accepted: &s.accepted, config: config}) // ends with Close, which is no error
	}()
	return s, nil
}

// listener counts connections, and shakes hands before http.Server sees them: it
// would print a handshake that fails, and failing is what the tests are about.
type listener struct {
	net.Listener
	accepted *atomic.Int64
	config   *tls.Config
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.accepted.Add(1)
		if l.config == nil {
			return conn, nil
		}
		secure := tls.Server(conn, l.config)
		if conn.SetDeadline(time.Now().Add(5*time.Second)) == nil && secure.Handshake() == nil && conn.SetDeadline(time.Time{}) == nil {
			return secure, nil
		}
		_ = conn.Close()
	}
}

// Refused returns the URL of a port that nothing listens on.
func Refused() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	url := "http://" + l.Addr().String()
	return url, l.Close()
}

// Close ends the server and every connection, answered or not.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.done
}

// Requests returns what came in so far.
func (s *Server) Requests() []Recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Connections is how many connections were accepted, spoken on or not.
func (s *Server) Connections() int { return int(s.accepted.Load()) }

// Written is how many bytes of answers the other side has taken, or the
// operating system for it.
func (s *Server) Written() int64 { return s.written.Load() }

// ServeHTTP keeps the request and plays the reply.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return
	}
	got := Recorded{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Body: body}
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, got)
	s.mu.Unlock()
	s.script(n, got)(&counter{ResponseWriter: w, n: &s.written}, r)
}

// counter counts what is written.
type counter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// Unwrap lets http.ResponseController through.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Always answers every request alike.
func Always(r Reply) Script {
	return func(int, Recorded) Reply { return r }
}

// List answers by the list, in the order of the requests; the last reply is for
// all that come after.
func List(replies ...Reply) Script {
	return func(n int, _ Recorded) Reply { return replies[min(n, len(replies)-1)] }
}

// ByStatement answers with what text makes of the request's statement, as a
// model would. A request without a statement gets 400.
func ByStatement(text func(statement string, r Recorded) string) Script {
	return func(_ int, r Recorded) Reply {
		statement, ok := r.Statement()
		if !ok {
			return Status(http.StatusBadRequest, `{"error":{"message":"no statement in the request"}}`)
		}
		return Chat(text(statement, r))
	}
}
