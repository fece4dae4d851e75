package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

var at = time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)

// packed packs an image of programs that are only text, but that of this machine's
// processor where one is given.
func packed(t *testing.T, daemon []byte) string {
	t.Helper()
	programs := t.TempDir()
	for _, arch := range []string{"amd64", "arm64"} {
		for _, name := range []string{"remediated", "remedy", "THIRD_PARTY_LICENSES.txt"} {
			body := []byte(name + " for " + arch)
			if daemon != nil && name == "remediated" && arch == runtime.GOARCH {
				body = daemon
			}
			write(t, filepath.Join(programs, "linux-"+arch, name), body)
		}
	}
	out := filepath.Join(t.TempDir(), "image.tar")
	r := release{Version: "v1.2.3", Revision: "0123456789abcdef", Time: at, Programs: programs}
	if err := r.write(out); err != nil {
		t.Fatal(err)
	}
	return out
}

// read reads an image back from its tar: the index and the image of each
// processor.
func read(t *testing.T, name string) map[string]v1.Image {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpack(t, f, dir)
	index := only(t, dir)
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]v1.Image{}
	for _, m := range manifest.Manifests {
		img, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		images[m.Platform.String()] = img
	}
	return images
}

// only is the one index that a layout has.
func only(t *testing.T, dir string) v1.ImageIndex {
	t.Helper()
	all, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(manifest.Manifests); n != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] == "" {
		t.Fatalf("the layout has %d things, or one without a name: tools would not know which to take", n)
	}
	index, err := all.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// The image says who it runs as, what it runs and which release it is, for each processor.
func TestConfig(t *testing.T) {
	images := read(t, packed(t, nil))
	if len(images) != 2 {
		t.Errorf("there are images for %v", images)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		img := images["linux/"+arch]
		if img == nil {
			t.Errorf("there is no image for %s", arch)
			continue
		}
		c, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if c.Architecture != arch || c.OS != "linux" || c.Config.User != "65532:65532" || !slices.Equal(c.Config.Entrypoint, []string{"/remediated"}) || !slices.Equal(c.Config.Cmd, arguments) || !c.Created.Equal(at) {
			t.Errorf("%s: %+v", arch, c)
		}
		for label, is := range map[string]string{"version": "v1.2.3", "revision": "0123456789abcdef", "created": "2026-11-28T06:00:00Z", "licenses": "Apache-2.0"} {
			if c.Config.Labels["org.opencontainers.image."+label] != is {
				t.Errorf("label %s is %q", label, c.Config.Labels["org.opencontainers.image."+label])
			}
		}
	}
}

// Nothing is in it but what is meant to be: no shell, no package manager.
func TestFiles(t *testing.T) {
	for platform, img := range read(t, packed(t, nil)) {
		var files []string
		for r := tar.NewReader(mutate.Extract(img)); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				files = append(files, h.Name)
			}
			if h.Mode&0o022 != 0 && h.Name != "tmp" || h.Uid != 0 && h.Name != "var/lib/remediated" {
				t.Errorf("%s: the user may write %s, which is %o of %d", platform, h.Name, h.Mode, h.Uid)
			}
		}
		slices.Sort(files)
		want := []string{"THIRD_PARTY_LICENSES.txt", "etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "remediated", "remedy"}
		if !slices.Equal(files, want) {
			t.Errorf("%s: has %q", platform, files)
		}
	}
}

func TestSameBytesTwice(t *testing.T) {
	one, another := packed(t, nil), packed(t, nil)
	if !bytes.Equal(readFile(t, one), readFile(t, another)) {
		t.Error("the same programs give two images")
	}
}

// What the Dockerfile makes runs likewise.
func TestDockerfile(t *testing.T) {
	text := string(readFile(t, "Dockerfile"))
	cmd := `CMD ["` + strings.Join(arguments, `", "`) + `"]`
	for _, line := range []string{"USER 65532:65532", `ENTRYPOINT ["/remediated"]`, cmd, "WORKDIR " + storage} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the Dockerfile does not have the line %q", line)
		}
	}
}

func TestSaysWhatIsMissing(t *testing.T) {
	for says, r := range map[string]release{
		"--version":     {Programs: t.TempDir()},
		"make programs": {Version: "v1.2.3", Programs: t.TempDir()},
	} {
		if err := r.write(filepath.Join(t.TempDir(), "image.tar")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("said %v, not %q", err, says)
		}
	}
}

// A program in it knows its user, believes public authorities, may write its journal and
// nothing else.
func TestProgramAtHome(t *testing.T) {
	dir, program := t.TempDir(), filepath.Join(t.TempDir(), "home")
	cmd := exec.Command("go", "build", "-o", program, "./testdata/home")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	unpackImage(t, packed(t, readFile(t, program)), dir)
	if out := runIn(t, dir); out != "nonroot at home\n" {
		t.Errorf("it says: %s", out)
	}
}

// unpackImage unpacks the image of this machine's processor into a folder.
func unpackImage(t *testing.T, name, dir string) {
	t.Helper()
	img := read(t, name)["linux/"+runtime.GOARCH]
	if img == nil {
		t.Skipf("there is no image for %s", runtime.GOARCH)
	}
	unpack(t, mutate.Extract(img), dir)
}

// runIn runs the image's entrypoint as its user, where the unpacked image is all
// that there is.
func runIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := inside(t.Context(), t, dir, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

// inside is the command that does.
func inside(ctx context.Context, t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("changing the root folder and the user takes root, on Linux")
	}
	cmd := exec.CommandContext(ctx, "/remediated", args...)
	cmd.Dir = storage
	cmd.Env = []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: user, Gid: user}}
	return cmd
}

// unpack unpacks a tar with its modes and, as root, its owners.
func unpack(t *testing.T, from io.Reader, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(name, 0o755)
		} else {
			body, _ := io.ReadAll(r)
			write(t, name, body)
		}
		if os.Geteuid() == 0 {
			err = errors.Join(err, os.Chown(name, h.Uid, h.Gid))
		}
		if err := errors.Join(err, os.Chmod(name, fs.FileMode(h.Mode&0o777))); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, name string, body []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, body, 0o644)); err != nil {
		t.Fatal(err)
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
