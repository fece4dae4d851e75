package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// What is read back from the archive is a valid index of an image for each
// architecture, with its own programs, that say what they are and how they run.
func TestImageOfEachArchitecture(t *testing.T) {
	archive := build(t, planted(t, ""))
	index := readBack(t, archive)
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		image := imageFor(t, index, arch)
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.OS != "linux" || config.Architecture != arch {
			t.Errorf("the image for %s says it is for %s/%s", arch, config.OS, config.Architecture)
		}
		if c := config.Config; c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/remediated"}) {
			t.Errorf("%s: it runs %q as %q", arch, c.Entrypoint, c.User)
		}
		for name, want := range map[string]string{"version": "v1.2.3", "revision": "abc", "created": "2026-11-28T05:24:00Z", "source": source, "licenses": "Apache-2.0"} {
			if got := config.Config.Labels["org.opencontainers.image."+name]; got != want {
				t.Errorf("%s: the label %s is %q, want %q", arch, name, got, want)
			}
		}
		if got := content(t, image)["remediated"].content; string(got) != "remediated for "+arch {
			t.Errorf("the image for %s has the program %q", arch, got)
		}
	}
}

// There is what a static program needs, and nothing that helps who gets in: no
// shell, no library, nothing that the user may write but the journal and /tmp.
func TestNothingElseIsInIt(t *testing.T) {
	files := content(t, imageFor(t, readBack(t, build(t, planted(t, ""))), "amd64"))
	want := []string{
		"etc/", "etc/group", "etc/passwd", "etc/remediated/", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt",
		"remediated", "remedy", "tmp/", "var/", "var/lib/", "var/lib/remediated/",
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("it has\n%q, want\n%q", got, want)
	}
	for name, f := range files {
		writable := f.mode&0o022 != 0 || f.owner != 0
		if writable != (name == "tmp/" || name == "var/lib/remediated/") {
			t.Errorf("%s has mode %o and owner %d", name, f.mode, f.owner)
		}
		if program := name == "remediated" || name == "remedy"; !strings.HasSuffix(name, "/") && f.mode&0o111 != 0 != program {
			t.Errorf("%s has mode %o", name, f.mode)
		}
	}
	if passwd := string(files["etc/passwd"].content); !strings.Contains(passwd, "remediated:x:65532:65532:") {
		t.Errorf("passwd is\n%s", passwd)
	}
	pem := files["etc/ssl/certs/ca-certificates.crt"].content
	if !x509.NewCertPool().AppendCertsFromPEM(pem) || bytes.Count(pem, []byte("BEGIN CERTIFICATE")) < 100 {
		t.Errorf("there are %d authorities", bytes.Count(pem, []byte("BEGIN CERTIFICATE")))
	}
}

// The same programs make the same bytes, wherever and whenever; other programs
// make another image on the same base.
func TestSameBytesTwice(t *testing.T) {
	one, two, other := build(t, planted(t, "")), build(t, planted(t, "")), build(t, planted(t, ", mended"))
	a, b, c := read(t, one), read(t, two), read(t, other)
	if !bytes.Equal(a, b) {
		t.Error("two builds of the same programs differ")
	}
	if bytes.Equal(a, c) {
		t.Error("builds of other programs do not differ")
	}
	layers := func(archive string) []v1.Hash {
		m, err := imageFor(t, readBack(t, archive), "arm64").Manifest()
		if err != nil {
			t.Fatal(err)
		}
		var digests []v1.Hash
		for _, l := range m.Layers {
			digests = append(digests, l.Digest)
		}
		return digests
	}
	if l, m := layers(one), layers(other); len(l) != 2 || l[0] != m[0] || l[1] == m[1] {
		t.Errorf("layers are %v and, with other programs, %v", l, m)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	whole := planted(t, "")
	for want, args := range map[string][]string{
		"--programs is missing":        {"--out=o", "--version=v", "--revision=r"},
		"--created=today: want a time": {"--programs=p", "--out=o", "--version=v", "--revision=r", "--created=today"},
		"riscv64/remediated: no such file or directory: build it first": {
			"--programs=" + whole, "--out=o", "--version=v", "--revision=r", "--created=2026-11-28T05:24:00Z", "--architectures=amd64,riscv64",
		},
	} {
		if err := run(args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run(%q) = %v, want %q", args, err, want)
		}
	}
}

// The Dockerfile makes an image that runs alike.
func TestDockerfileMakesTheSame(t *testing.T) {
	text := string(read(t, "Dockerfile"))
	config, err := imageFor(t, readBack(t, build(t, planted(t, ""))), "amd64").ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	last := text[strings.LastIndex(text, "\nFROM ")+1:]
	c := config.Config
	for _, want := range []string{
		"FROM scratch\n", "USER " + c.User + "\n", fmt.Sprintf("ENTRYPOINT [%q]\n", c.Entrypoint[0]), fmt.Sprintf("CMD [%q, %q]\n", c.Cmd[0], c.Cmd[1]),
		fmt.Sprintf("VOLUME [%q]\n", storage), "ENV " + c.Env[0] + "\n", "org.opencontainers.image.source=" + source,
	} {
		if !strings.Contains(last, want) {
			t.Errorf("the Dockerfile's image has no %s", want)
		}
	}
	if passwd := fmt.Sprintf("remediated:x:%d:%[1]d:remediated:%s:/sbin/nologin", user, storage); !strings.Contains(text, passwd) {
		t.Errorf("the Dockerfile does not make the user %s", passwd)
	}
}

// planted is a folder of programs that are none, of two architectures.
func planted(t *testing.T, how string) string {
	t.Helper()
	dir := t.TempDir()
	for _, arch := range []string{"amd64", "arm64"} {
		for _, name := range programs {
			plant(t, filepath.Join(dir, arch, name), name+" for "+arch+how)
		}
	}
	return dir
}

func plant(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// build runs the command and returns its archive.
func build(t *testing.T, folder string, args ...string) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	args = append([]string{"--programs=" + folder, "--out=" + archive, "--version=v1.2.3", "--revision=abc", "--created=2026-11-28T06:24:00+01:00"}, args...)
	var out strings.Builder
	if err := run(args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), archive+" sha256:") {
		t.Errorf("it said %q", &out)
	}
	if left, err := os.ReadDir(filepath.Dir(archive)); err != nil || len(left) != 1 {
		t.Errorf("beside the archive it left %v, %v", left, err)
	}
	return archive
}

// readBack unpacks an archive and returns the one index that it holds.
func readBack(t *testing.T, archive string) v1.ImageIndex {
	t.Helper()
	dir := t.TempDir()
	for tr := tar.NewReader(bytes.NewReader(read(t, archive))); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		plant(t, filepath.Join(dir, h.Name), string(b))
	}
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := outer.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatalf("the archive holds %v, %v: want one index", m, err)
	}
	if m.Manifests[0].Annotations["org.opencontainers.image.ref.name"] == "" {
		t.Error("the index has no name")
	}
	index, err := outer.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// imageFor is the image that a machine with this architecture takes.
func imageFor(t *testing.T, index v1.ImageIndex, arch string) v1.Image {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		if d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == arch {
			image, err := index.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return image
		}
	}
	t.Fatalf("there is no image for %s", arch)
	return nil
}

// content is what the image's layers come to.
func content(t *testing.T, image v1.Image) map[string]file {
	t.Helper()
	r := mutate.Extract(image)
	defer r.Close()
	files := map[string]file{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s is of %s", h.Name, h.ModTime)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		name := h.Name
		if h.Typeflag == tar.TypeDir {
			name = strings.TrimSuffix(name, "/") + "/"
		}
		files[name] = file{name, h.Mode, h.Uid, b}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
