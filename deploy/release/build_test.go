package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// at is when the tests' commit was made.
var at = time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)

func here(programs ...string) platform { return platform{runtime.GOOS, runtime.GOARCH, programs} }

// A program is the same bytes from whichever folder it is built, and says nothing of it. The real
// ones are held to it by make reproducible, which takes minutes.
func TestSameBytesFromTwoFolders(t *testing.T) {
	var built [2][]byte
	for i, folder := range []string{"one", "another/one"} {
		source := filepath.Join(t.TempDir(), folder)
		write(t, filepath.Join(source, "go.mod"), "module example.org/m\n\ngo 1.26.0\n")
		write(t, filepath.Join(source, "cmd/program/main.go"), "package main\n\nfunc main() { panic(\"where\") }\n")
		out := t.TempDir()
		if err := build(t.Context(), source, out, here("./cmd/program"), stamp{Version: "1.2.3", Time: at}); err != nil {
			t.Fatal(err)
		}
		built[i] = readFile(t, filepath.Join(out, "program"))
		if bytes.Contains(built[i], []byte(source)) {
			t.Error("the program has its folder in it")
		}
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("two folders give two programs")
	}
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	source := t.TempDir()
	write(t, filepath.Join(source, "go.mod"), "module example.org/m\n\ngo 1.26.0\n")
	write(t, filepath.Join(source, "cmd/program/main.go"), "package main\n\nfunc main() { nothing() }\n")
	err := build(t.Context(), source, t.TempDir(), here("./cmd/program"), stamp{Version: "1.2.3"})
	if err == nil || !strings.Contains(err.Error(), "undefined: nothing") || !strings.Contains(err.Error(), here().String()) {
		t.Errorf("said %v", err)
	}
}

func TestStamp(t *testing.T) {
	source := t.TempDir()
	if _, err := stampOf(t.Context(), source, "v1.2.3"); err == nil || !strings.Contains(err.Error(), "read the commit") {
		t.Errorf("a folder that is no checkout: %v", err)
	}
	commit(t, source)
	for _, c := range []struct{ given, version, tag string }{
		{"v1.2.3", "1.2.3", "v1.2.3"},
		{"1.2.3", "1.2.3", "v1.2.3"},
		{"v1.2.3-rc.1", "1.2.3-rc.1", "v1.2.3-rc.1"},
		{"v1.2.3-4-gabcdef0-dirty", "1.2.3-4-gabcdef0-dirty", "v1.2.3-4-gabcdef0-dirty"},
		{"88935a3", "88935a3", "88935a3"},
	} {
		s, err := stampOf(t.Context(), source, c.given)
		if err != nil || s.Version != c.version || s.tag() != c.tag || !s.Time.Equal(at) || len(s.Revision) != 40 {
			t.Errorf("%s: %+v, tag %q, %v", c.given, s, s.tag(), err)
		}
	}
	for _, bad := range []string{"", "-v", "../1", "v1 -X a=b", "v1'"} {
		if _, err := stampOf(t.Context(), source, bad); err == nil || !strings.Contains(err.Error(), "like v1.2.3") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// commit makes a checkout with one commit of a folder.
func commit(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{{"init", "-q"}, {"commit", "-q", "--allow-empty", "-m", "a"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
			"GIT_COMMITTER_DATE="+at.Format(time.RFC3339))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args[0], err, out)
		}
	}
}

// An archive is the same bytes whenever and by whomever the files were written.
func TestArchive(t *testing.T) {
	s := stamp{Version: "1.2.3", Time: at}
	p := platform{"darwin", "arm64", []string{"./cmd/remedy"}}
	var packed [2][]byte
	for i, mode := range []os.FileMode{0o755, 0o700} {
		source, programs := t.TempDir(), t.TempDir()
		for _, file := range p.beside() {
			write(t, filepath.Join(source, file), file)
		}
		write(t, filepath.Join(programs, "remedy"), "program")
		if err := errors.Join(os.Chmod(filepath.Join(programs, "remedy"), mode), os.Chmod(filepath.Join(source, "LICENSE"), mode&0o644), os.Chtimes(filepath.Join(source, "LICENSE"), at, at.Add(time.Duration(i)*time.Hour))); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), p.archive(s))
		if err := archive(name, source, programs, p, s); err != nil {
			t.Fatal(err)
		}
		packed[i] = readFile(t, name)
	}
	if !bytes.Equal(packed[0], packed[1]) {
		t.Error("two machines give two archives")
	}
	files := unpack(t, packed[0])
	const top = "remedy-v1.2.3-darwin-arm64/"
	if h := files[top+"remedy"]; h.Header == nil || h.Mode != 0o755 || !h.ModTime.Equal(at) {
		t.Errorf("remedy is %+v", h)
	}
	if h := files[top+"LICENSE"]; h.Header == nil || h.Mode != 0o644 || len(files) != 1+len(p.beside()) {
		t.Errorf("the archive has %v", files)
	}
}

// What is packed beside the programs is in the repository.
func TestBesideIsThere(t *testing.T) {
	for _, p := range platforms {
		for _, name := range append(p.beside(), p.Programs...) {
			if _, err := fs.Stat(os.DirFS("../.."), strings.TrimPrefix(name, "./")); err != nil {
				t.Errorf("for %s: %v", p, err)
			}
		}
	}
}

// packedFile is a file in an archive.
type packedFile struct {
	*tar.Header
	body []byte
}

func unpack(t *testing.T, packed []byte) map[string]packedFile {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]packedFile{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = packedFile{h, body}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
