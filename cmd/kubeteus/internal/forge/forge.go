// Package forge is being written.
package forge

import _ "github.com/google/go-github/v75/github"
