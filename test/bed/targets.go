package bed

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// targetGroup is one entry of what Prometheus reads, from a file or over HTTP, to
// learn whom to ask or to send to.
type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels,omitempty"`
}

// writeTargets writes such a file, by rename: Prometheus must not read half of it.
func writeTargets(path string, groups []targetGroup) error {
	text, err := json.Marshal(groups)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// targets is the folder of what is added to what Prometheus scrapes.
func (b *Bed) targets() string { return filepath.Join(b.Dir, "targets") }

// addTargets has Prometheus scrape more, until remove or the bed's Stop.
func (b *Bed) addTargets(name string, groups ...targetGroup) (remove func() error, err error) {
	path := filepath.Join(b.targets(), name+".json")
	remove = func() error {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	b.OnStop(remove)
	return remove, writeTargets(path, groups)
}
