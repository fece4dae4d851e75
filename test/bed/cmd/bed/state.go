package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// statePrefix begins the name of every temporary state folder.
const statePrefix = "remediated-bed-"

// makeState makes a temporary state folder and returns how to remove it. It is
// made out here and not inside the namespaces, so that it goes even when all in
// there is killed. Its lock tells later beds that it is in use: what a killed
// launcher left is removed by the next one.
func makeState() (dir string, remove func(), err error) {
	sweepStates()
	dir, err = os.MkdirTemp("", statePrefix)
	if err != nil {
		return "", nil, err
	}
	lock, err := lockState(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "bed: remove state:", err)
		}
		lock.Close()
	}, nil
}

// lockState locks the folder for as long as this process lives.
func lockState(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweepStates removes the folders that no living bed holds. One that cannot be
// removed is somebody else's.
func sweepStates() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), statePrefix+"*"))
	for _, dir := range left {
		if lock, err := lockState(dir); err == nil {
			_ = os.RemoveAll(dir)
			lock.Close()
		}
	}
}
