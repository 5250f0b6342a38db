//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package emit

import "os"

// own would keep two runs apart; here there is no portable way to do so.
func own(*os.File) (bool, error) { return true, nil }
