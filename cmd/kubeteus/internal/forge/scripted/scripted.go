// Package scripted is a forge for tests: it speaks the part of GitHub's REST API
// that forge uses, over real HTTP, in the shapes that GitHub documents. It holds
// users by their tokens, pull requests and comments, and does what its script
// says: wait, fail, answer nonsense, or change something between two requests. It
// serves nobody else, and is imported by tests only.
package scripted

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Comment is a comment on a pull request.
type Comment struct {
	ID     int64
	Number int
	Author string
	Body   string
	Edits  int
}

// Pull is a pull request.
type Pull struct {
	Number            int
	State             string // open or closed
	Merged, Locked    bool
	Author            string
	HeadRepo          string // owner/name; "" is a deleted fork
	HeadRef, HeadSHA  string
	BaseRepo, BaseRef string
}

// Token is what a token may do.
type Token struct {
	Login        string
	Installation bool // GET /user is forbidden, as for every App and workflow
	ReadOnly     bool
}

// Answer replaces what the forge would answer. Done says that the request is
// carried out all the same, and only its answer lost.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
	Done   bool
	// Hang keeps the connection open until the client gives up, and Cut closes it
	// without an answer.
	Hang, Cut bool
}

// Server is a forge of one repository. Its exported fields are set before it
// serves.
type Server struct {
	Repo   string // owner/name
	Prefix string // of the API's paths, such as /api/v3
	Tokens map[string]Token
	Pulls  []Pull
	// MaxPage is the longest page; 0 is GitHub's 100.
	MaxPage int
	// Delay is how long a request takes before it is looked at.
	Delay func(*http.Request) time.Duration
	// Script is asked about every request, which it knows by its number from 1 on.
	// nil lets the forge answer. It runs outside the forge's lock.
	Script func(n int, r *http.Request) *Answer

	mu       sync.Mutex
	comments []Comment
	last     int64
	requests []string
}

// Add makes a comment, as a person would, and returns its number.
func (s *Server) Add(number int, author, body string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.comments = append(s.comments, Comment{ID: s.last, Number: number, Author: author, Body: body})
	return s.last
}

// Remove deletes a comment.
func (s *Server) Remove(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.comments = slices.DeleteFunc(s.comments, func(c Comment) bool { return c.ID == id })
}

// Comments are all comments, the oldest first.
func (s *Server) Comments() []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.comments)
}

// Requests are the requests so far, as method, space and path without the prefix.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Count is how many requests began with prefix.
func (s *Server) Count(prefix string) int {
	n := 0
	for _, r := range s.Requests() {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Delay != nil {
		select {
		case <-time.After(s.Delay(r)):
		case <-r.Context().Done():
			return
		}
	}
	path, ok := strings.CutPrefix(r.URL.Path, s.Prefix)
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+path)
	n := len(s.requests)
	s.mu.Unlock()
	if s.Script != nil {
		if a := s.Script(n, r); a != nil {
			s.answer(w, r, path, a)
			return
		}
	}
	if !ok {
		refuse(w, http.StatusNotFound, "Not Found", "")
		return
	}
	s.serve(w, r, path)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, path string, a *Answer) {
	if a.Done {
		s.serve(&discard{http.Header{}}, r, path)
	}
	switch {
	case a.Hang:
		// A connection is watched only once its request was read.
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	case a.Cut:
		panic(http.ErrAbortHandler)
	default:
		for name, value := range a.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.Status)
		fmt.Fprint(w, a.Body)
	}
}

// discard is where an answer goes that is lost.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, path string) {
	token, ok := s.Tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		refuse(w, http.StatusUnauthorized, "Bad credentials", "")
		return
	}
	if path == "/user" {
		if token.Installation {
			refuse(w, http.StatusForbidden, "Resource not accessible by integration", "/users/users#get-the-authenticated-user")
			return
		}
		reply(w, http.StatusOK, map[string]any{"login": token.Login, "id": 1, "type": "User"})
		return
	}
	rest, ok := strings.CutPrefix(path, "/repos/"+s.Repo+"/")
	if !ok {
		refuse(w, http.StatusNotFound, "Not Found", "")
		return
	}
	parts := strings.Split(rest, "/")
	switch {
	case parts[0] == "pulls" && len(parts) <= 2 && r.Method == http.MethodGet:
		s.servePulls(w, r, parts[1:])
	case len(parts) == 3 && parts[0] == "issues" && parts[2] == "comments":
		number, _ := strconv.Atoi(parts[1])
		s.serveComments(w, r, token, number)
	case len(parts) == 3 && parts[0] == "issues" && parts[1] == "comments":
		id, _ := strconv.ParseInt(parts[2], 10, 64)
		s.serveComment(w, r, token, id)
	default:
		refuse(w, http.StatusNotFound, "Not Found", "")
	}
}

func (s *Server) pull(number int) *Pull {
	for i := range s.Pulls {
		if s.Pulls[i].Number == number {
			return &s.Pulls[i]
		}
	}
	return nil
}

func (s *Server) servePulls(w http.ResponseWriter, r *http.Request, parts []string) {
	if len(parts) == 1 {
		number, _ := strconv.Atoi(parts[0])
		p := s.pull(number)
		if p == nil {
			refuse(w, http.StatusNotFound, "Not Found", "/pulls/pulls#get-a-pull-request")
			return
		}
		reply(w, http.StatusOK, p.json())
		return
	}
	q := r.URL.Query()
	var found []any
	for i := range s.Pulls {
		p := &s.Pulls[i]
		owner, _, _ := strings.Cut(p.HeadRepo, "/")
		if (q.Get("state") == "all" || q.Get("state") == p.State) && (q.Get("head") == "" || q.Get("head") == owner+":"+p.HeadRef) {
			found = append(found, p.json())
		}
	}
	s.page(w, r, found)
}

func (p *Pull) json() map[string]any {
	head := map[string]any{"ref": p.HeadRef, "sha": p.HeadSHA, "repo": nil}
	if p.HeadRepo != "" {
		head["repo"] = map[string]any{"full_name": p.HeadRepo}
	}
	return map[string]any{"number": p.Number, "state": p.State, "merged": p.Merged, "locked": p.Locked,
		"user": map[string]any{"login": p.Author}, "head": head,
		"base": map[string]any{"ref": p.BaseRef, "sha": strings.Repeat("b", 40), "repo": map[string]any{"full_name": p.BaseRepo}}}
}

func (s *Server) serveComments(w http.ResponseWriter, r *http.Request, token Token, number int) {
	p := s.pull(number)
	if p == nil {
		refuse(w, http.StatusNotFound, "Not Found", "/issues/comments")
		return
	}
	switch r.Method {
	case http.MethodGet:
		var items []any
		for _, c := range s.Comments() {
			if c.Number == number {
				items = append(items, s.commentJSON(c))
			}
		}
		s.page(w, r, items)
	case http.MethodPost:
		if p.Locked {
			refuse(w, http.StatusForbidden, "Unable to create comment because issue is locked.", "/articles/locking-conversations/")
			return
		}
		body, ok := writable(w, r, token)
		if !ok {
			return
		}
		id := s.Add(number, token.Login, body)
		w.Header().Set("Location", fmt.Sprintf("%s/issues/comments/%d", s.Prefix, id))
		reply(w, http.StatusCreated, s.commentJSON(Comment{ID: id, Number: number, Author: token.Login, Body: body}))
	default:
		refuse(w, http.StatusNotFound, "Not Found", "")
	}
}

func (s *Server) serveComment(w http.ResponseWriter, r *http.Request, token Token, id int64) {
	body, ok := "", true
	if r.Method != http.MethodDelete {
		body, ok = writable(w, r, token)
	} else if ok = !token.ReadOnly; !ok {
		refuse(w, http.StatusForbidden, "Resource not accessible by integration", "/issues/comments")
	}
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.comments, func(c Comment) bool { return c.ID == id })
	switch {
	case i < 0:
		refuse(w, http.StatusNotFound, "Not Found", "/issues/comments#get-an-issue-comment")
	case s.comments[i].Author != token.Login:
		refuse(w, http.StatusForbidden, "Must have admin rights to Repository.", "/issues/comments#update-an-issue-comment")
	case r.Method == http.MethodPatch:
		s.comments[i].Body = body
		s.comments[i].Edits++
		reply(w, http.StatusOK, s.commentJSON(s.comments[i]))
	case r.Method == http.MethodDelete:
		s.comments = slices.Delete(s.comments, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusNotFound, "Not Found", "")
	}
}

// writable reads the body of a comment, or refuses.
func writable(w http.ResponseWriter, r *http.Request, token Token) (string, bool) {
	var in struct {
		Body *string `json:"body"`
	}
	if token.ReadOnly {
		refuse(w, http.StatusForbidden, "Resource not accessible by integration", "/issues/comments")
		return "", false
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Body == nil {
		refuse(w, http.StatusBadRequest, "Problems parsing JSON", "")
		return "", false
	}
	if len([]rune(*in.Body)) > 65536 {
		refuse(w, http.StatusUnprocessableEntity, "Validation Failed", "")
		return "", false
	}
	return *in.Body, true
}

func (s *Server) commentJSON(c Comment) map[string]any {
	return map[string]any{"id": c.ID, "node_id": "IC_x", "body": c.Body,
		"user":       map[string]any{"login": c.Author, "id": 7, "type": "User"},
		"html_url":   fmt.Sprintf("https://github.example/%s/pull/%d#issuecomment-%d", s.Repo, c.Number, c.ID),
		"created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "author_association": "NONE"}
}

// page answers one page of a list, with a Link header as GitHub sends it.
func (s *Server) page(w http.ResponseWriter, r *http.Request, items []any) {
	longest := s.MaxPage
	if longest == 0 {
		longest = 100
	}
	q := r.URL.Query()
	size, err := strconv.Atoi(q.Get("per_page"))
	if err != nil {
		size = 30
	}
	size = max(min(size, longest), 1)
	number, _ := strconv.Atoi(q.Get("page"))
	number = max(number, 1)
	last := max((len(items)+size-1)/size, 1)
	link := func(page int, rel string) string {
		q.Set("page", strconv.Itoa(page))
		return fmt.Sprintf(`<http://%s%s?%s>; rel="%s"`, r.Host, r.URL.Path, q.Encode(), rel)
	}
	var links []string
	if number > 1 {
		links = append(links, link(number-1, "prev"))
	}
	if number < last {
		links = append(links, link(number+1, "next"), link(last, "last"))
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	from := min((number-1)*size, len(items))
	reply(w, http.StatusOK, append([]any{}, items[from:min(from+size, len(items))]...))
}

func refuse(w http.ResponseWriter, status int, message, docs string) {
	reply(w, status, map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest" + docs, "status": strconv.Itoa(status)})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-GitHub-Media-Type", "github.v3; format=json")
	if w.Header().Get("X-RateLimit-Remaining") == "" {
		w.Header().Set("X-RateLimit-Limit", "5000")
		w.Header().Set("X-RateLimit-Remaining", "4987")
		w.Header().Set("X-RateLimit-Reset", "1893456000")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
