package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// source is where the source is, in the words that registries look for it.
const source = "https://github.com/x0tta6bl4/remediated"

// user is the one that the daemon runs as: no user of a machine, and the same one
// that other images without a shell have.
const user = 65532

// programs are those that stand in the root of the image.
var programs = []string{"remediated", "remedy"}

// release is what is built.
type release struct {
	version  string    // such as v1.2.3
	revision string    // the commit
	created  time.Time // when the commit was made: nothing depends on when it is built
}

// labels say in the image what it is.
func (r release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "remediated",
		"org.opencontainers.image.description": "Heals what Alertmanager says is broken, as far as policies allow, and calls people for the rest.",
		"org.opencontainers.image.source":      source,
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.revision":    r.revision,
		"org.opencontainers.image.created":     r.created.UTC().Format(time.RFC3339),
	}
}

// newIndex makes the image of each architecture, from the programs in the folder of
// its name, and the index from which a machine takes its own.
func newIndex(r release, folder string, architectures []string) (v1.ImageIndex, error) {
	base, err := newLayer(baseFiles())
	if err != nil {
		return nil, err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range architectures {
		files, err := programFiles(filepath.Join(folder, arch))
		if err != nil {
			return nil, err
		}
		top, err := newLayer(files)
		if err != nil {
			return nil, err
		}
		image, err := newImage(r, arch, base, top)
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return mutate.Annotations(index, r.labels()).(v1.ImageIndex), nil
}

// newImage puts the layers of one architecture together.
func newImage(r release, arch string, layers ...v1.Layer) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: arch, Created: v1.Time{Time: r.created.UTC()}, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:       fmt.Sprintf("%d:%[1]d", user), // by number: Kubernetes cannot tell that a name is not root's
			Entrypoint: []string{"/remediated"},
			Cmd:        []string{"--config.file=/etc/remediated/remediated.yml", "--storage.path=" + storage},
			Env:        []string{"PATH=/"},
			WorkingDir: "/",
			Volumes:    map[string]struct{}{storage: {}},
			Labels:     r.labels(),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("configure the image for %s: %w", arch, err)
	}
	for i, layer := range layers {
		image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{
			Created: v1.Time{Time: r.created.UTC()}, CreatedBy: "deploy/image", Comment: "layer " + strconv.Itoa(i),
		}})
		if err != nil {
			return nil, fmt.Errorf("append layer %d for %s: %w", i, arch, err)
		}
	}
	return image, nil
}

// programFiles are the programs of one architecture.
func programFiles(folder string) ([]file, error) {
	var files []file
	for _, name := range programs {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, fmt.Errorf("%w: build it first, as make image does", err)
		}
		files = append(files, file{name: name, mode: 0o755, content: b})
	}
	return files, nil
}
