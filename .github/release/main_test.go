package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestArchive holds that an archive depends on what the files say, not on when
// or by whom they were written.
func TestArchive(t *testing.T) {
	var first []byte
	for i := range 2 {
		dir := t.TempDir()
		var files []string
		for _, name := range []string{"kubeteus", "README.md", "LICENSE"} {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte("content of "+name), os.FileMode(0o600+i*0o044)); err != nil {
				t.Fatal(err)
			}
			when := time.Unix(int64(1e9*(i+1)), 0)
			if err := os.Chtimes(file, when, when); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		data, err := archive("kubeteus_v1.2.3_linux_amd64", files)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = data
		} else if !bytes.Equal(first, data) {
			t.Error("the same content gave other bytes")
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(z)
	var got strings.Builder
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s %o %d %d %q\n", h.Name, h.Mode, h.ModTime.Unix(), h.Uid, data)
	}
	want := `kubeteus_v1.2.3_linux_amd64/LICENSE 644 0 0 "content of LICENSE"
kubeteus_v1.2.3_linux_amd64/README.md 644 0 0 "content of README.md"
kubeteus_v1.2.3_linux_amd64/kubeteus 755 0 0 "content of kubeteus"
`
	if got.String() != want {
		t.Errorf("got:\n%swant:\n%s", got.String(), want)
	}
}

func TestChecksums(t *testing.T) {
	got := string(checksums(map[string][]byte{"b": []byte("abc"), "a": nil}))
	want := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n" +
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b\n"
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// TestReleaseKeeps holds that what lies in the folder is not mixed with a release.
func TestReleaseKeeps(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.tar.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := release("v1.2.3", dir, []string{"linux/amd64"}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v", err)
	}
}
