// Command release builds what a release holds, from the commit that is checked
// out and that the version's tag names:
//
//	go run ./.github/release [-platforms OS/ARCH,...] VERSION DIR
//
// DIR gets one archive a platform and checksums.txt, in the form of sha256sum. The
// same commit and the same Go give the same bytes on every machine: paths are
// trimmed, nothing of C is linked, and archives hold no times or owners. It
// refuses to call a build VERSION that Go itself does not call so.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// platforms are those that action.yml's version can name.
const platforms = "darwin/amd64,darwin/arm64,linux/amd64,linux/arm64,windows/amd64,windows/arm64"

var versions = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

func main() {
	only := flag.String("platforms", platforms, "what to build for")
	flag.Parse()
	if flag.NArg() != 2 || !versions.MatchString(flag.Arg(0)) {
		fmt.Fprintln(os.Stderr, "usage: release [-platforms OS/ARCH,...] v1.2.3 DIR")
		os.Exit(2)
	}
	if err := release(flag.Arg(0), flag.Arg(1), strings.Split(*only, ",")); err != nil {
		fmt.Fprintf(os.Stderr, "release: %v\n", err)
		os.Exit(1)
	}
}

// release leaves nothing in dir when anything fails.
func release(version, dir string, platforms []string) error {
	if held, err := os.ReadDir(dir); err == nil && len(held) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	work, err := os.MkdirTemp("", "kubeteus-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	archives := map[string][]byte{}
	for _, p := range platforms {
		system, arch, ok := strings.Cut(p, "/")
		if !ok {
			return fmt.Errorf("%s is no platform: OS/ARCH", p)
		}
		binary, err := build(version, system, arch, work)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		folder := fmt.Sprintf("kubeteus_%s_%s_%s", version, system, arch)
		data, err := archive(folder, []string{"LICENSE", "README.md", binary})
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		archives[folder+".tar.gz"] = data
	}
	archives["checksums.txt"] = checksums(archives)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range archives {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// build returns the path of the binary. Go names its version after the tag of
// the commit, and says so if files differ from it: then it is no release.
func build(version, system, arch, work string) (string, error) {
	name := "kubeteus"
	if system == "windows" {
		name += ".exe"
	}
	binary := filepath.Join(work, system+"_"+arch, name)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", binary, "./cmd/kubeteus")
	// What changes the bytes of a build is said here, and taken from nowhere else.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=",
		"GOAMD64=v1", "GOARM64=v8.0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	if info.Main.Version != version {
		return "", fmt.Errorf("go calls this build %s: tag the commit %s, and leave no file changed or untracked", info.Main.Version, version)
	}
	return binary, nil
}

// archive packs files below a folder, sorted by name.
func archive(folder string, files []string) ([]byte, error) {
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name, mode := filepath.Base(file), int64(0o644)
		if strings.HasPrefix(name, "kubeteus") {
			mode = 0o755
		}
		head := &tar.Header{Name: folder + "/" + name, Mode: mode, Size: int64(len(data)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(head); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	for _, c := range []io.Closer{w, z} {
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// checksums lists every file as sha256sum does, sorted by name.
func checksums(files map[string][]byte) []byte {
	var lines []string
	for name, data := range files {
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	return []byte(strings.Join(lines, ""))
}
