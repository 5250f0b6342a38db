//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package emit

import (
	"errors"
	"os"
	"syscall"
)

// own takes possession of an open folder until it is closed or the process ends,
// and says whether it was free.
func own(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil, errors.Is(err, errors.ErrUnsupported):
		return true, nil // a file system without locks: runs are not kept apart
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, nil
	}
	return false, os.NewSyscallError("flock", err)
}
