package bed

import (
	"encoding/json"
	"os"
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
