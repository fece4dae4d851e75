package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// licencesFile has the licences of all that a program is made of.
const licencesFile = "THIRD_PARTY_LICENSES.txt"

// beside lists what of the checkout is packed beside every program, and for the
// daemon what it is set up with.
func (p platform) beside() []string {
	all := []string{"LICENSE", "CHANGELOG.md"}
	if p.OS == "linux" {
		all = append(all, "deploy/remediated.example.yml", "deploy/alertmanager/remediated.yml",
			"deploy/prometheus/remediated.rules.yml", "deploy/grafana/remediated.json", "policies/shipped",
			"deploy/systemd/README.md", "deploy/systemd/remediated.service", "deploy/systemd/remediated.sysusers.conf")
	}
	return all
}

// archive packs a platform's programs and what is beside them.
func archive(name, source, programs string, p platform, s stamp) error {
	return pack(name, strings.TrimSuffix(filepath.Base(name), ".tar.gz"), s, func(w *packer) error {
		if err := w.tree(programs, "."); err != nil {
			return err
		}
		for _, file := range p.beside() {
			if err := w.tree(source, file); err != nil {
				return err
			}
		}
		return nil
	})
}

// pack writes an archive of what fill packs, all below one folder. Owners and times are
// not this machine's.
func pack(name, top string, s stamp, fill func(*packer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zip, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := &packer{tar: tar.NewWriter(zip), top: top, stamp: s}
	if err := fill(w); err != nil {
		return err
	}
	return errors.Join(w.tar.Close(), zip.Close())
}

// packer writes files into an archive, all below one folder.
type packer struct {
	tar   *tar.Writer
	top   string
	stamp stamp
}

// tree packs a file, or all files below a folder, of the folder dir.
func (w *packer) tree(dir, name string) error {
	root := os.DirFS(dir)
	return fs.WalkDir(root, name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file", file)
		}
		body, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return w.file(file, body, info.Mode()&0o100 != 0)
	})
}

func (w *packer) file(name string, body []byte, runs bool) error {
	mode := int64(0o644)
	if runs {
		mode = 0o755
	}
	h := &tar.Header{Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: path.Join(w.top, name), Mode: mode, Size: int64(len(body)), ModTime: w.stamp.Time}
	if err := w.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.tar.Write(body)
	return err
}
