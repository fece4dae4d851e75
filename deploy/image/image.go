package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is nobody's on any machine, and the one that images without root go by.
const user = 65532

// storage is the folder of the journal, where a volume is mounted.
const storage = "/var/lib/remediated"

// arguments are what the daemon is started with where nobody says anything else.
var arguments = []string{"--config.file=/etc/remediated/remediated.yml", "--storage.path=" + storage}

// image is that of one processor: a layer of what every program finds on a
// machine, and one of the programs.
func (r release) image(arch string) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, files := range []func(string) ([]file, error){r.surroundings, r.programs} {
		layer, err := r.layer(arch, files)
		if err != nil {
			return nil, err
		}
		img, err = mutate.Append(img, mutate.Addendum{
			Layer: layer, MediaType: types.OCILayer,
			History: v1.History{Created: v1.Time{Time: r.Time}, CreatedBy: "deploy/image"},
		})
		if err != nil {
			return nil, err
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.OS, config.Architecture = "linux", arch
	config.Created = v1.Time{Time: r.Time}
	config.Config = v1.Config{
		User:         fmt.Sprintf("%d:%d", user, user),
		Entrypoint:   []string{"/remediated"},
		Cmd:          arguments,
		Env:          []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		WorkingDir:   storage,
		Labels:       r.labels(),
		ExposedPorts: map[string]struct{}{"9095/tcp": {}, "9096/tcp": {}},
		Volumes:      map[string]struct{}{storage: {}},
	}
	img, err = mutate.ConfigFile(img, config)
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(img, r.labels()).(v1.Image), nil
}

// labels are those of the OCI's image specification.
func (r release) labels() map[string]string {
	const of = "org.opencontainers.image."
	return map[string]string{
		of + "title":         "remediated",
		of + "description":   "An auto-remediation daemon for Alertmanager",
		of + "source":        "https://github.com/x0tta6bl4/remediated",
		of + "documentation": "https://github.com/x0tta6bl4/remediated/tree/main/docs",
		of + "licenses":      "Apache-2.0",
		of + "version":       r.Version,
		of + "revision":      r.Revision,
		of + "created":       r.Time.UTC().Format(time.RFC3339),
	}
}

// file is one of a layer. A folder has no body, and a name that ends in a slash.
type file struct {
	name  string
	mode  int64
	owner int
	body  []byte
}

// surroundings are what a program looks for on a machine: who it is, whom to
// believe, and where to write. Time zones are in the programs.
func (r release) surroundings(string) ([]file, error) {
	passwd := fmt.Sprintf("root:x:0:0:root:/:/nologin\nnonroot:x:%d:%[1]d:nonroot:%s:/nologin\n", user, storage)
	group := fmt.Sprintf("root:x:0:\nnonroot:x:%d:\n", user)
	return []file{
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, body: []byte(group)},
		{name: "etc/passwd", mode: 0o644, body: []byte(passwd)},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, body: roots()},
		{name: "tmp/", mode: 0o1777},
		{name: "var/", mode: 0o755},
		{name: "var/lib/", mode: 0o755},
		{name: storage[1:] + "/", mode: 0o750, owner: user},
	}, nil
}

// roots are the certificates that Mozilla believes, as go.sum pins them: a
// machine's own would be other bytes on another machine. Those that it believes
// under a condition are left out, since a file cannot say that.
func roots() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return b.Bytes()
}

// programs are the daemon and the command line, and the licences of what they are
// made of.
func (r release) programs(arch string) ([]file, error) {
	dir := filepath.Join(r.Programs, "linux-"+arch)
	var files []file
	for _, f := range []file{{name: "THIRD_PARTY_LICENSES.txt", mode: 0o644}, {name: "remediated", mode: 0o755}, {name: "remedy", mode: 0o755}} {
		var err error
		if f.body, err = os.ReadFile(filepath.Join(dir, f.name)); err != nil {
			return nil, fmt.Errorf("read what make programs builds: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// layer packs files.
func (r release) layer(arch string, files func(string) ([]file, error)) (v1.Layer, error) {
	all, err := files(arch)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range all {
		if err := r.entry(w, tar.Header{Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner}, f.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
}

// entry writes one file or folder, as old as the commit.
func (r release) entry(w *tar.Writer, h tar.Header, body []byte) error {
	h.Format, h.ModTime, h.Size = tar.FormatUSTAR, r.Time, int64(len(body))
	h.Typeflag = tar.TypeReg
	if h.Name[len(h.Name)-1] == '/' {
		h.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(&h); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}
