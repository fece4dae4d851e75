// Command image builds the container image, without an engine: an index of one
// image for each architecture, as an archive of an OCI layout, which skopeo, crane,
// containerd and an engine take. The same programs make the same bytes.
package main

import (
	"archive/tar"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

// run is main with its surroundings as arguments.
func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	folder := flags.String("programs", "", "Folder with a folder of programs for each architecture.")
	architectures := flags.String("architectures", "amd64,arm64", "For which.")
	out := flags.String("out", "", "The archive that is written.")
	var r release
	flags.StringVar(&r.version, "version", "", "What is released, such as v1.2.3.")
	flags.StringVar(&r.revision, "revision", "", "The commit.")
	created := flags.String("created", "", "When it was committed, such as 2026-11-28T05:24:00Z.")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for name, value := range map[string]string{"programs": *folder, "out": *out, "version": r.version, "revision": r.revision} {
		if value == "" {
			return fmt.Errorf("--%s is missing: see --help", name)
		}
	}
	var err error
	if r.created, err = time.Parse(time.RFC3339, *created); err != nil {
		return fmt.Errorf("--created=%s: want a time such as 2026-11-28T05:24:00Z", *created)
	}
	index, err := newIndex(r, *folder, strings.Split(*architectures, ","))
	if err != nil {
		return err
	}
	if err := save(index, r.version, *out); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s %s\n", *out, digest)
	return nil
}

// save writes the archive. What it holds is one index with a name, from which tools
// that ask for "the image" take all architectures.
func save(index v1.ImageIndex, name, archive string) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(archive), "image-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("begin the layout: %w", err)
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": name})); err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	return pack(os.DirFS(dir), archive)
}

// pack writes the files of a folder into an archive, in the order of their names.
func pack(folder fs.FS, archive string) (err error) {
	f, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	err = fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		return write(w, &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg}, content)
	})
	return errors.Join(err, w.Close())
}
