// Command image packs what goes into a registry, as a tar of an OCI layout each: the
// image, without a container engine, which is an index of one image for each processor, of
// programs that were built before; and the Helm chart, as helm push would. The same
// programs and the same chart give the same bytes.
//
//	go -C deploy/image run . --version=v1.2.3 --out=../../bin/release/image.tar
//	go -C deploy/image run . --chart=remediated-1.2.3.tgz --out=chart.tar
package main

import (
	"archive/tar"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// release is what an image is of.
type release struct {
	Version, Revision string
	Time              time.Time // of the commit
	Programs          string    // the folder that has linux-amd64 and linux-arm64
}

func main() {
	r := release{Time: time.Unix(0, 0)}
	flag.StringVar(&r.Version, "version", "", "the release's version: v1.2.3")
	flag.StringVar(&r.Revision, "revision", "", "the commit that it was built from")
	flag.Func("time", "when that commit was made: 2026-11-28T06:00:00Z", func(text string) (err error) {
		r.Time, err = time.Parse(time.RFC3339, text)
		return err
	})
	flag.StringVar(&r.Programs, "programs", "../../bin/build", "the folder with the programs of each platform")
	chart := flag.String("chart", "", "a packed Helm chart, to be packed instead of the image")
	out := flag.String("out", "image.tar", "the tar to write")
	flag.Parse()
	write := r.write
	if *chart != "" {
		write = func(name string) error { return r.writeChart(name, *chart) }
	}
	if err := write(*out); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// write packs the images of all processors into one tar.
func (r release) write(name string) error {
	if r.Version == "" {
		return errors.New("--version is missing, like v1.2.3")
	}
	index, err := r.index()
	if err != nil {
		return err
	}
	return r.asTar(name, func(dir string) error { return r.layOut(dir, index) })
}

// asTar packs what is laid out into one tar.
func (r release) asTar(name string, layOut func(dir string) error) error {
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := layOut(dir); err != nil {
		return fmt.Errorf("lay it out: %w", err)
	}
	return r.pack(name, dir)
}

// layOut writes a layout that has one thing, under the release's name: tools
// take what is named, or all that there is, and ask where there is more.
func (r release) layOut(dir string, index v1.ImageIndex) error {
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return to.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.Version}))
}

// index lists the image of each processor.
func (r release) index() (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := r.image(arch)
		if err != nil {
			return nil, fmt.Errorf("image for %s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return mutate.Annotations(index, r.labels()).(v1.ImageIndex), nil
}

// pack writes a layout as a tar, in the order of names and without what is of this
// machine.
func (r release) pack(name, dir string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	root := os.DirFS(dir)
	err = fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		return r.entry(w, tar.Header{Name: path.Clean(file), Mode: 0o644}, body)
	})
	return errors.Join(err, w.Close())
}
