package forge

// One call of the API: what its failure means, and whether it is repeated.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v75/github"
)

const (
	maxAttempts = 5
	firstPause  = time.Second
	longPause   = 30 * time.Second
	// GitHub asks for a minute where it does not say how long to wait.
	limitPause = time.Minute
	// patience is what one operation waits for limits altogether.
	patience = 5 * time.Minute
)

// failure is an Error with what it means for the next attempt.
type failure struct {
	*Error
	status int
	// limited says that the forge refused to look at the request, and pause how
	// long it asks to wait; 0: it does not say.
	limited bool
	pause   time.Duration
	// passing says that the same request may do better, and unsure that it may
	// have been done.
	passing, unsure bool
}

// job is one operation on a client. It ends when its patience does.
type job struct {
	*Client
	left time.Duration
	pull Pull
	// foreign says that the pull request comes from where a workflow's own token
	// may only read.
	foreign bool
	// once says that failures are not repeated.
	once bool
}

// call runs one request until it is answered. Requests that are not to be sent
// twice unless it is certain that they were not done are repeated after limits
// only; their failure is returned, for the caller to look.
func (j *job) call(ctx context.Context, doing string, twice bool, send func(context.Context) (*github.Response, error)) *failure {
	for attempt := 1; ; attempt++ {
		timed, cancel := context.WithTimeout(ctx, j.timeout)
		resp, err := send(timed)
		cancel()
		if err == nil {
			return nil
		}
		f := j.failure(doing, resp, err)
		pause := j.pauseAfter(f, attempt, twice)
		if ctx.Err() != nil || pause <= 0 {
			return f
		}
		if j.left -= pause; j.left < 0 {
			return j.tooLong(doing, f, pause)
		}
		if err := j.sleep(ctx, pause); err != nil {
			return f
		}
	}
}

// pauseAfter is how long to wait before the next attempt; 0: there is none.
func (j *job) pauseAfter(f *failure, attempt int, twice bool) time.Duration {
	switch {
	case attempt >= maxAttempts || j.once:
		return 0
	case f.limited && f.pause > 0:
		return f.pause
	case f.limited:
		return limitPause << (attempt - 1)
	case f.passing && twice:
		return max(f.pause, backoff(attempt))
	}
	return 0
}

func backoff(attempt int) time.Duration {
	return min(firstPause<<min(attempt-1, 10), longPause)
}

// tooLong is the failure of a wait that is longer than our patience.
func (j *job) tooLong(doing string, f *failure, pause time.Duration) *failure {
	if !f.limited {
		return f
	}
	e := &Error{Class: RateLimited,
		Message: fmt.Sprintf("%s: %s limits how often it is asked, until %s", doing, j.host, time.Now().Add(pause).UTC().Format("2006-01-02 15:04:05 MST")),
		Hint:    "run it again then; the limits are those of the token's owner, and other workflows use them too"}
	return &failure{Error: e, status: f.status}
}

// failure classifies an answer that is none.
func (j *job) failure(doing string, resp *github.Response, err error) *failure {
	f := &failure{Error: &Error{Class: Unavailable}}
	var redirect errRedirect
	switch {
	case errors.As(err, &redirect):
		f.Error = j.badAnswer(doing, redirect.why)
		return f
	case errors.Is(err, errTooLarge):
		f.Error, f.unsure = j.badAnswer(doing, "it is too large"), true
		return f
	case resp == nil || resp.Response == nil:
		f.Message = fmt.Sprintf("%s: %s cannot be reached%s", doing, j.host, j.cause(err))
		f.passing, f.unsure = true, true
		return f
	}
	f.status = resp.StatusCode
	if resp.StatusCode < 300 && resp.StatusCode != http.StatusAccepted {
		// It was done, and what came back cannot be read.
		f.Error = j.badAnswer(doing, "it is not the JSON of that API")
		// A wrong type stays wrong; an answer that broke off may be whole next time.
		var wrongType *json.UnmarshalTypeError
		var wrongTime *time.ParseError
		f.passing = !errors.As(err, &wrongType) && !errors.As(err, &wrongTime)
		f.unsure = true
		return f
	}
	message := messageOf(err)
	if limited, pause := limit(resp.Response, message); limited {
		f.Error = &Error{Class: RateLimited, Message: fmt.Sprintf("%s: %s limits how often it is asked%s", doing, j.host, j.said(message)), Hint: "run it again later"}
		f.limited, f.pause = true, pause
		return f
	}
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusRequestTimeout || resp.StatusCode == http.StatusAccepted {
		f.Message = fmt.Sprintf("%s: %s answers %d again and again%s", doing, j.host, resp.StatusCode, j.said(message))
		f.Hint = "run it again when the forge is well"
		f.passing, f.unsure = true, true
		f.pause = min(retryAfter(resp.Response), longPause)
		return f
	}
	f.Error = j.refusal(doing, resp.StatusCode, message)
	return f
}

func (j *job) badAnswer(doing, why string) *Error {
	return &Error{Class: BadAnswer, Message: fmt.Sprintf("%s: the answer of %s cannot be used: %s", doing, j.host, why),
		Hint: "give the root of the API: https://api.github.com, https://HOST/api/v3 or https://HOST/api/v1"}
}

// cause is why the network failed, without the URL that stands in err.
func (j *job) cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ": it did not answer in time"
	}
	return strings.Replace(j.said(err.Error()), ": it says ", ": ", 1)
}

// messageOf is what the forge says in its refusal.
func messageOf(err error) string {
	var (
		refused *github.ErrorResponse
		primary *github.RateLimitError
		abuse   *github.AbuseRateLimitError
	)
	switch {
	case errors.As(err, &refused):
		message := refused.Message
		for _, e := range refused.Errors {
			if e.Message != "" {
				message += ": " + e.Message
			}
		}
		return message
	case errors.As(err, &primary):
		return primary.Message
	case errors.As(err, &abuse):
		return abuse.Message + " (secondary rate limit)"
	}
	return ""
}

// limit says whether an answer is about a limit on rates, and how long to wait if
// it says so. GitHub uses 403 and 429 for both of its limits.
func limit(resp *http.Response, message string) (bool, time.Duration) {
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		return false, 0
	}
	lower := strings.ToLower(message)
	after := retryAfter(resp)
	spent := resp.Header.Get("X-RateLimit-Remaining") == "0" && !strings.Contains(lower, "not accessible")
	said := strings.Contains(lower, "rate limit") || strings.Contains(lower, "abuse detection")
	if resp.StatusCode == http.StatusForbidden && after == 0 && !spent && !said {
		return false, 0
	}
	if after > 0 {
		return true, after
	}
	if spent {
		if reset, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil && reset > 0 && reset < 1<<40 {
			// A second more, since both times are cut to whole ones.
			return true, max(time.Unix(reset, 0).Sub(serverTime(resp))+time.Second, time.Second)
		}
	}
	return true, 0
}

// retryAfter is the wait that an answer asks for, in seconds or as a date.
func retryAfter(resp *http.Response) time.Duration {
	v := resp.Header.Get("Retry-After")
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(n, 1), 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(serverTime(resp)), time.Second)
	}
	return 0
}

// serverTime is the clock of the forge, which its times are told by.
func serverTime(resp *http.Response) time.Time {
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return at
	}
	return time.Now()
}
