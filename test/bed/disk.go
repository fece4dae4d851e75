package bed

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// SmallDisk is where a scenario mounts a disk that it may fill: node_exporter sees
// it, and the bed's alert is about such a one alone.
func (b *Bed) SmallDisk() string { return filepath.Join(b.Dir, "bed-disk") }

// MountDisk mounts a file system of so many bytes on a folder. What is on it is
// gone when it is unmounted.
func MountDisk(dir string, bytes int) (unmount func() error, err error) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		return nil, fmt.Errorf("mount a small disk: %w", err)
	}
	return func() error {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", dir, err)
		}
		return nil
	}, nil
}

// FillDisk writes a file until its disk has no room left.
func FillDisk(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	page := make([]byte, 4096)
	rand.Read(page)
	for {
		if _, err := f.Write(page); errors.Is(err, syscall.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
