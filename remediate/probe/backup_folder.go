package probe

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// folder is one whose files are backups.
type folder string

func (d folder) String() string { return string(d) }

// list leaves out links and folders.
func (d folder) list(_ context.Context, found func(stored)) error {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed in between
		}
		if err != nil {
			return err
		}
		found(stored{name: e.Name(), at: info.ModTime(), size: info.Size()})
	}
	return nil
}

// checksum is none: a folder keeps files, and nothing about them.
func (d folder) checksum(context.Context, stored) (string, error) { return "", nil }

func (d folder) read(_ context.Context, f stored) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), f.name))
}
