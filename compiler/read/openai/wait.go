package openai

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

const (
	backoff  = 500 * time.Millisecond // of the first retry, doubled for each
	maxPause = 30 * time.Second       // of one backoff
	// maxTold is how long a pause that the server asks for may be. A limit per
	// minute passes within it; one per day does not, and a run that sleeps for
	// hours is worse than one that stops and resumes from the cache.
	maxTold = 60 * time.Second
	spread  = 250 * time.Millisecond // over which calls come back after a pause
)

// again says whether and after what pause to try once more. Full jitter: calls
// that failed together must not come back together.
func (c *Client) again(ctx context.Context, f *failure, tries int) (time.Duration, bool) {
	limit := c.o.Retries
	switch f.retry {
	case never:
		return 0, false
	case few:
		limit = min(limit, 2)
	}
	if tries >= limit {
		return 0, false
	}
	pause := time.Duration(c.o.Jitter() * float64(min(maxPause, backoff<<min(tries, 10))))
	if f.told > 0 {
		pause = f.told
	}
	if f.told > maxTold {
		return 0, false
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < pause {
		f.hint = "the run's time limit ends before the server wants to be asked again; what was read so far is kept: run it again later"
		return 0, false
	}
	return pause, true
}

// gate is closed while the server wants not to be asked. Every call waits at it.
type gate struct {
	mu    sync.Mutex
	until time.Time
	over  *failure // what every other call would hear too: none is let through
	used  bool     // some question was answered

	misses int // questions in a row that the server did not answer at all
}

// served remembers that the server answers this key and knows this model.
func (g *gate) served() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used, g.misses = true, 0
}

// patience is how many questions in a row may find nobody before the rest are not
// asked: as many as are asked side by side by default.
const patience = 8

// missed counts questions that the server did not answer at all, each after its
// retries. A server that is gone ends the run: otherwise each of a hundred intents
// would wait for it again.
func (g *gate) missed(f *failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch f.kind {
	case chat.Network, chat.Timeout, chat.Server:
		if g.misses++; g.misses >= patience && g.over == nil {
			g.over = f
		}
	}
}

// ends says whether every other question would fail like this one: the limit of
// the day, a key that is refused, a model or a path that is not there. Where a
// question was answered before, a 403 or a 404 is about this question (a filter
// before the server, a replica behind it), and the others are asked. A 401 is
// about the key at any time: keys expire.
func (g *gate) ends(f *failure) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch f.kind {
	case chat.Quota:
		return true
	case chat.Unauthorized:
		return !g.used || f.status == http.StatusUnauthorized
	case chat.NotFound:
		return !g.used
	}
	return false
}

// end keeps the failure that ends the run: a hundred intents need not each hear
// it from the server.
func (g *gate) end(f *failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = f
}

// ended returns that failure, or nil.
func (g *gate) ended() *failure {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.over
}

func (g *gate) close(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.until) {
		g.until = until
	}
}

// wait sleeps until the gate opens, once for each time that it was closed.
func (g *gate) wait(ctx context.Context, sleep func(context.Context, time.Duration) error, jitter func() float64) error {
	var waited time.Time
	for {
		g.mu.Lock()
		until := g.until
		g.mu.Unlock()
		d := time.Until(until)
		if d <= 0 || until.Equal(waited) {
			return ctx.Err()
		}
		if err := sleep(ctx, d+time.Duration(jitter()*float64(spread))); err != nil {
			return err
		}
		waited = until
	}
}

// retryAfter reads how long the server wants to be left alone: retry-after-ms,
// Retry-After in seconds or as a date, or else the time at which a limit that
// is used up comes back. 0 if it does not say.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(strings.TrimSpace(h.Get("Retry-After-Ms")), 64); err == nil {
		return seconds(ms / 1000)
	}
	if v := strings.TrimSpace(h.Get("Retry-After")); v != "" {
		if s, err := strconv.ParseFloat(v, 64); err == nil {
			return seconds(s)
		}
		if at, err := http.ParseTime(v); err == nil {
			return max(0, at.Sub(date(h)))
		}
	}
	var longest time.Duration
	for _, what := range []string{"-Requests", "-Tokens", ""} {
		if strings.TrimSpace(h.Get("X-Ratelimit-Remaining"+what)) == "0" {
			longest = max(longest, reset(h, h.Get("X-Ratelimit-Reset"+what)))
		}
	}
	return longest
}

// reset reads "6m0s" and "1s" (OpenAI), seconds (Azure), or seconds since 1970
// (GitHub).
func reset(h http.Header, v string) time.Duration {
	v = strings.TrimSpace(v)
	if d, err := time.ParseDuration(v); err == nil {
		return min(max(0, d), year)
	}
	s, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil:
		return 0
	case s > 1e9:
		return seconds(s - float64(date(h).Unix()))
	default:
		return seconds(s)
	}
}

// date is now by the server's clock, with which its dates agree.
func date(h http.Header) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return time.Now()
}

const year = 366 * 24 * time.Hour

// seconds makes a duration of any number, within a year.
func seconds(s float64) time.Duration {
	if math.IsNaN(s) || s <= 0 {
		return 0
	}
	if s >= year.Seconds() {
		return year
	}
	return time.Duration(s * float64(time.Second))
}
