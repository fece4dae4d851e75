package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	diskBytes = 512 << 20
	// From the kernel's fs/ext4/ext4.h: the file system is shut down at once, and
	// nothing that it has not written yet is.
	ext4Shutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush   = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// disk is an ext4 of its own, on a loop device. Its power can be cut: what was
// not synced by then is gone.
type disk struct{ image, mount string }

// newDisk makes and mounts one. It needs root and loop devices.
func newDisk(dir string) (*disk, error) {
	d := &disk{image: filepath.Join(dir, "disk.img"), mount: filepath.Join(dir, "disk")}
	if err := os.MkdirAll(d.mount, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(d.image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(diskBytes), f.Close()); err != nil {
		return nil, err
	}
	if err := command("mkfs.ext4", "-q", "-F", d.image); err != nil {
		return nil, err
	}
	return d, d.on()
}

func (d *disk) journal() string { return filepath.Join(d.mount, "journal") }

// end cuts the power: the disk goes first, then the daemon.
func (d *disk) end(kill func() error) error {
	root, err := os.Open(d.mount)
	if err != nil {
		return errors.Join(err, kill())
	}
	err = unix.IoctlSetPointerInt(int(root.Fd()), ext4Shutdown, noLogFlush)
	if err = errors.Join(err, root.Close(), kill()); err != nil {
		return fmt.Errorf("cut the power of %s: %w", d.mount, err)
	}
	if err := d.off(); err != nil {
		return err
	}
	return d.on()
}

func (d *disk) on() error { return command("mount", "-o", "loop", d.image, d.mount) }

// off unmounts it. Whoever looks at all mounts, as df does, may be in the way.
func (d *disk) off() (err error) {
	for range 50 {
		if err = command("umount", d.mount); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func (d *disk) remove() error { return errors.Join(d.off(), os.Remove(d.image)) }

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}
