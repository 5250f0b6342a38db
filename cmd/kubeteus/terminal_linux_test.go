package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// terminal opens a pseudo terminal: what is written to the one is read from the
// other.
func terminal(t *testing.T) (screen, program *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals here:", err)
	}
	t.Cleanup(func() { screen.Close() })
	var number, unlock int32
	control := func(request uintptr, value *int32) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(unsafe.Pointer(value))); e != 0 {
			t.Skip("no pseudo terminals here:", e)
		}
	}
	control(syscall.TIOCSPTLCK, &unlock)
	control(syscall.TIOCGPTN, &number)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminals here:", err)
	}
	t.Cleanup(func() { program.Close() })
	return screen, program
}

// TestProgress: who sits at a terminal sees how far the run is, and nobody else
// does.
func TestProgress(t *testing.T) {
	t.Setenv("KUBETEUS_API_KEY", faultKey)
	t.Setenv("TERM", "xterm")
	dir := t.TempDir()
	project := filepath.Join(dir, "shop")
	statements, answers := several()
	if err := writeProject(project, faultInventory, statements...); err != nil {
		t.Fatal(err)
	}
	h := startHalfway(t, answers, 1<<40)
	screen, program := terminal(t)
	var shown bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&shown, screen) // ends with an error when the program's end closes
	}()
	var stdout bytes.Buffer
	code := run(t.Context(), compileArgs(h.Server, dir, project), &stdout, program)
	program.Close()
	<-done
	all := fmt.Sprintf("read %d of %d statements", len(statements), len(statements))
	if code != exitDone || !strings.Contains(shown.String(), "\r\x1b[K"+all) {
		t.Errorf("exit %d, shown %q", code, shown.String())
	}
	if want := fmt.Sprintf("scripted: %d tokens asked, %d answered, 0 answers from the cache", 700*len(statements), 60*len(statements)); !strings.Contains(shown.String(), want) {
		t.Errorf("shown %q, want %q", shown.String(), want)
	}
	if err := os.Remove(filepath.Join(project, "intents", "kubeteus.lock")); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if code := run(t.Context(), compileArgs(h.Server, dir, project), &stdout, &stderr); code != exitDone || strings.ContainsAny(stderr.String()+stdout.String(), "\r\x1b") || strings.Contains(stderr.String(), "tokens") {
		t.Errorf("exit %d, and to no terminal: %q", code, stderr.String())
	}
}
