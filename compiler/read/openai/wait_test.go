package openai

import (
	"context"
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	tests := []struct {
		name string
		h    map[string]string
		want time.Duration
	}{
		{"nothing", nil, 0},
		{"seconds", map[string]string{"Retry-After": "7"}, 7 * time.Second},
		{"parts of seconds", map[string]string{"Retry-After": " 0.5 "}, 500 * time.Millisecond},
		{"a date", map[string]string{"Retry-After": at(90 * time.Second)}, 90 * time.Second},
		{"a date that is over", map[string]string{"Retry-After": at(-time.Hour)}, 0},
		{"milliseconds first", map[string]string{"Retry-After-Ms": "250", "Retry-After": "1"}, 250 * time.Millisecond},
		{"negative", map[string]string{"Retry-After": "-5"}, 0},
		{"for ever", map[string]string{"Retry-After": "1e300"}, year},
		{"infinite", map[string]string{"Retry-After": "Inf"}, year},
		{"no number", map[string]string{"Retry-After": "NaN"}, 0},
		{"words", map[string]string{"Retry-After": "soon"}, 0},
		{"OpenAI's reset", map[string]string{"X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "6m0s"}, 6 * time.Minute},
		{"the longer one", map[string]string{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "1s", "X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "20ms"}, time.Second},
		{"a limit with something left", map[string]string{"X-Ratelimit-Remaining-Tokens": "12", "X-Ratelimit-Reset-Tokens": "6m0s"}, 0},
		{"GitHub's reset", map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1772366430"}, 30 * time.Second},
		{"Azure's reset", map[string]string{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "10"}, 10 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			h.Set("Date", now.Format(http.TimeFormat))
			for k, v := range tt.h {
				h.Set(k, v)
			}
			if got := retryAfter(h); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestBackoff: the pause grows with full jitter, has a cap, and counts.
func TestBackoff(t *testing.T) {
	c, err := New(Options{Model: "m", Retries: 20, Jitter: func() float64 { return 0.999999 }})
	if err != nil {
		t.Fatal(err)
	}
	last := time.Duration(0)
	for i := range 20 {
		d, ok := c.again(t.Context(), &failure{retry: patient}, i)
		if !ok || d < last || d > maxPause {
			t.Errorf("%d: %s, %v", i, d, ok)
		}
		last = d
	}
	if last < 29*time.Second {
		t.Errorf("the longest pause is %s", last)
	}
	if _, ok := c.again(t.Context(), &failure{retry: patient}, 20); ok {
		t.Error("a try too many")
	}
	if _, ok := c.again(t.Context(), &failure{retry: few}, 2); ok {
		t.Error("a broken connection is tried a third time")
	}
	c.o.Jitter = func() float64 { return 0 }
	if d, _ := c.again(t.Context(), &failure{retry: patient}, 5); d != 0 {
		t.Errorf("no full jitter: %s", d)
	}
	c.o.Retries = -1
	if _, ok := c.again(t.Context(), &failure{retry: patient}, 0); ok {
		t.Error("tried although none was asked for")
	}
}

// TestGate: everybody waits, for the longest pause that was asked for, and no
// longer.
func TestGate(t *testing.T) {
	var g gate
	var slept []time.Duration
	nap := func(_ context.Context, d time.Duration) error { slept = append(slept, d); return nil }
	half := func() float64 { return 0.5 }
	if err := g.wait(t.Context(), nap, half); err != nil || len(slept) != 0 {
		t.Fatal("an open gate holds", slept, err)
	}
	g.close(20 * time.Second)
	g.close(5 * time.Second)
	if err := g.wait(t.Context(), nap, half); err != nil || len(slept) != 1 || slept[0] < 19*time.Second || slept[0] > 21*time.Second {
		t.Errorf("slept %v, %v", slept, err)
	}
	// Closed again while a call sleeps: it sleeps again.
	slept = nil
	closed := false
	err := g.wait(t.Context(), func(_ context.Context, d time.Duration) error {
		slept = append(slept, d)
		if !closed {
			closed = true
			g.close(40 * time.Second)
		}
		return nil
	}, half)
	if err != nil || len(slept) != 2 || slept[1] < 39*time.Second {
		t.Errorf("slept %v, %v", slept, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.wait(ctx, sleep, half); err == nil {
		t.Error("waits on after the run's end")
	}
}
