package lock

import (
	"slices"
	"testing"
)

func TestContext(t *testing.T) {
	const (
		plain  = "Only web may reach db."
		it     = "It may reach nothing else."
		these  = "Let these pods call the cache."
		else_  = "Nothing else may reach db."
		inside = "Let web call db on its port, and nothing else."
	)
	for _, c := range []struct {
		statement    string
		before, want []string
	}{
		{plain, []string{it, these}, nil},
		{inside, []string{plain}, nil},
		{"Only web and job may reach db.", []string{plain}, nil},
		{"But job may reach db.", []string{plain}, []string{plain}},
		{it, nil, nil},
		{it, []string{plain}, []string{plain}},
		{these, []string{plain, inside}, []string{inside}},
		{these, []string{inside, plain, it}, []string{plain, it}},
		{else_, []string{it}, []string{it}},
		{"", []string{plain}, nil},
	} {
		if got := Context(c.statement, c.before); !slices.Equal(got, c.want) {
			t.Errorf("%q after %q depends on %q, want %q", c.statement, c.before, got, c.want)
		}
	}
}
