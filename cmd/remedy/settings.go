package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// settings are what a user says every time: the defaults of flags of the same name.
type settings struct {
	url    string
	by     string
	output string
	config string // the flag is http.config.file
}

// outputs are the formats of --output.
var outputs = []string{"text", "json", "yaml"}

// settle finds out what is said beforehand: by the environment, else by the
// user's file, else by nobody.
func settle(env func(string) string) (settings, error) {
	s, err := settingsOf(settingsFile(env))
	s.url = cmp.Or(env("REMEDY_URL"), s.url, "http://127.0.0.1:9095")
	s.by = cmp.Or(s.by, env("USER"))
	s.output = cmp.Or(s.output, "text")
	return s, err
}

// settingsFile is the user's file, "" when there is no user, and whether it was
// named, and thus must be there.
func settingsFile(env func(string) string) (path string, named bool) {
	switch {
	case env("REMEDY_CONFIG") != "":
		return env("REMEDY_CONFIG"), true
	case env("XDG_CONFIG_HOME") != "":
		return filepath.Join(env("XDG_CONFIG_HOME"), "remedy", "config.yml"), false
	case env("HOME") != "":
		return filepath.Join(env("HOME"), ".config", "remedy", "config.yml"), false
	}
	return "", false
}

// settingsOf reads the user's file.
func settingsOf(path string, named bool) (settings, error) {
	var s settings
	b, err := os.ReadFile(path)
	switch {
	case path == "" || errors.Is(err, fs.ErrNotExist) && !named:
		return s, nil
	case err != nil:
		return s, usagef("the settings cannot be read: %v; REMEDY_CONFIG names another file", err)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(b, &file); err != nil {
		return s, usagef("%s is not YAML: %v", path, err)
	}
	if len(file.Content) == 0 {
		return s, nil
	}
	if err := s.read(file.Content[0]); err != nil {
		return settings{}, usagef("%s:%v", path, err)
	}
	if s.config != "" && !filepath.IsAbs(s.config) {
		s.config = filepath.Join(filepath.Dir(path), s.config)
	}
	return s, nil
}

// read takes what the file says. An error begins with line and column.
func (s *settings) read(file *yaml.Node) error {
	if file.Kind != yaml.MappingNode {
		return fmt.Errorf("%d:%d: want settings, for example url: http://127.0.0.1:9095", file.Line, file.Column)
	}
	for k := 0; k < len(file.Content); k += 2 {
		key, value := file.Content[k], file.Content[k+1]
		known := map[string]*string{"url": &s.url, "by": &s.by, "output": &s.output, "http.config.file": &s.config}[key.Value]
		switch {
		case known == nil:
			return fmt.Errorf("%d:%d: %q is no setting: want url, by, output or http.config.file", key.Line, key.Column, key.Value)
		case value.Kind != yaml.ScalarNode || value.ShortTag() == "!!null":
			return fmt.Errorf("%d:%d: %s: want what its flag takes, in one line", value.Line, value.Column, key.Value)
		}
		if key.Value == "output" && !slices.Contains(outputs, value.Value) {
			return fmt.Errorf("%d:%d: output: want %s", value.Line, value.Column, strings.Join(outputs, ", "))
		}
		*known = value.Value
	}
	return nil
}
