package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// builtDaemon is the path of the daemon.
func (o options) builtDaemon() (string, error) { return built(o.daemon, "the daemon", "--daemon") }

// remedyAndPromtool are the paths of the command line and of what it is held against.
func (o options) remedyAndPromtool() (remedy, promtool string, err error) {
	if remedy, err = built(o.remedy, "the command line", "--remedy"); err != nil {
		return "", "", err
	}
	if promtool, err = exec.LookPath("promtool"); err != nil {
		return "", "", fmt.Errorf("promtool is missing: apt-get install prometheus: %w", err)
	}
	return remedy, promtool, nil
}

// built returns the whole path of a program of ours, which must be there.
func built(path, what, flag string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not built: make build, or name it with %s: %w", what, flag, err)
	}
	return path, nil
}
