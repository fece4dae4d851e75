// Package livedrill breaks something on purpose, follows how it is mended, and
// repairs it in the end whatever happened. The daemon mends as in earnest, and is
// only looked at.
//
// Start reading at [Run].
package livedrill

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Scenario is one way to break something, as it stands in a file.
type Scenario struct {
	Name    string `yaml:"name" json:"name"`
	Cluster string `yaml:"cluster" json:"cluster"` // of the daemon that is to mend it; nothing is broken anywhere else
	Policy  string `yaml:"policy" json:"policy"`   // by which it is to be mended
	// Also are policies whose incidents belong to it: any other P1 or P2 that is
	// opened meanwhile is trouble of its own, and ends the drill.
	Also []string `yaml:"also" json:"also,omitempty"`
	// Labels are those that its alert must have: any other one is no drill.
	Labels map[string]string `yaml:"labels" json:"labels,omitempty"`
	// Page has people called for it as in earnest.
	Page bool `yaml:"page" json:"page,omitempty"`
	// Break and Repair are commands with their arguments; no shell reads them.
	// Repair is run in the end in any case, also when all is well by then.
	Break  []string `yaml:"break" json:"break"`
	Repair []string `yaml:"repair" json:"repair,omitempty"`
	// Heard is how soon the alert must have come, and Within how soon the incident
	// must be over, both from the break on.
	Heard  model.Duration `yaml:"heard" json:"heard"`
	Within model.Duration `yaml:"within" json:"within"`
}

// What holds when a scenario does not say.
const (
	defaultHeard  = model.Duration(5 * time.Minute)
	defaultWithin = model.Duration(30 * time.Minute)
)

// Read reads the scenarios of a file. The error names the file, and the line or
// the scenario.
func Read(name string, text []byte) ([]Scenario, error) {
	var file struct {
		Drills []Scenario `yaml:"drills"`
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true) // a repair that is misspelt would be missing
	if err := d.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", name, plain(err))
	}
	if len(file.Drills) == 0 {
		return nil, fmt.Errorf("%s: there are no drills in it: want drills: [{name: ..., cluster: ..., policy: ..., break: [...], repair: [...]}]", name)
	}
	seen := map[string]bool{}
	for k := range file.Drills {
		s := &file.Drills[k]
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("%s: drill %d %s: %w", name, k+1, s.Name, err)
		}
		if seen[s.Name] {
			return nil, fmt.Errorf("%s: there are two drills called %s", name, s.Name)
		}
		seen[s.Name] = true
		s.Heard, s.Within = cmp.Or(s.Heard, defaultHeard), cmp.Or(s.Within, defaultWithin)
	}
	return file.Drills, nil
}

// plain is what is wrong with a file's YAML, for people: the lines, and no types.
func plain(err error) string {
	text := err.Error()
	var several *yaml.TypeError
	if errors.As(err, &several) {
		text = strings.Join(several.Errors, "; ")
	}
	return strings.ReplaceAll(strings.TrimPrefix(text, "yaml: "), " in type livedrill.Scenario", "")
}

func (s Scenario) check() error {
	for _, f := range []struct{ name, text string }{{"name", s.Name}, {"cluster", s.Cluster}, {"policy", s.Policy}} {
		if strings.TrimSpace(f.text) == "" {
			return fmt.Errorf("%s is missing", f.name)
		}
	}
	switch {
	case len(s.Break) == 0:
		return errors.New("break is missing: want a command and its arguments, for example [kubectl, delete, pod, -n, shop, -l, app=db]")
	case slices.Contains(s.Break[:1], ""), len(s.Repair) > 0 && s.Repair[0] == "":
		return errors.New("the command of break or repair is empty")
	case s.Labels[remediate.DrillLabel] != "":
		return fmt.Errorf("an alert with the label %s is no live drill: nothing is done for it", remediate.DrillLabel)
	case s.Heard < 0 || s.Within < 0:
		return errors.New("heard and within are no less than 0")
	case s.Within > 0 && s.Heard > s.Within:
		return fmt.Errorf("heard, %s, is later than within, %s", s.Heard, s.Within)
	}
	return nil
}

// Named returns the scenario of a name; the error says which there are.
func Named(all []Scenario, name string) (Scenario, error) {
	var names []string
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("there is no drill %q; there is %s", name, strings.Join(names, ", "))
}
