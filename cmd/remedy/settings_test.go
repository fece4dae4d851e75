package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// environment is one of a test.
func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// written is a file of a test with a text.
func written(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettings(t *testing.T) {
	home, xdg := t.TempDir(), t.TempDir()
	written(t, filepath.Join(home, ".config/remedy/config.yml"), "url: http://home:1\nby: anna\noutput: yaml\nhttp.config.file: token.yml\n")
	written(t, filepath.Join(xdg, "remedy/config.yml"), "url: http://xdg:1\n")
	other := written(t, filepath.Join(home, "other.yml"), "# nothing\n")
	token := filepath.Join(home, ".config/remedy/token.yml")
	for name, tc := range map[string]struct {
		env  map[string]string
		want settings
	}{
		"nothing is said":                 {nil, settings{url: "http://127.0.0.1:9095", output: "text"}},
		"the user's file":                 {map[string]string{"HOME": home, "USER": "root"}, settings{"http://home:1", "anna", "yaml", token}},
		"where the system says":           {map[string]string{"HOME": home, "XDG_CONFIG_HOME": xdg, "USER": "root"}, settings{url: "http://xdg:1", by: "root", output: "text"}},
		"a file that was named":           {map[string]string{"HOME": home, "REMEDY_CONFIG": other}, settings{url: "http://127.0.0.1:9095", output: "text"}},
		"the environment before the file": {map[string]string{"HOME": home, "REMEDY_URL": "http://env:1"}, settings{"http://env:1", "anna", "yaml", token}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := settle(environment(tc.env)); err != nil || got != tc.want {
				t.Errorf("settled %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

// What cannot be read is said with its place, and nothing is asked. Help is given.
func TestSettingsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"url: http://a:1\nulr: http://b:1\n": `:2:1: "ulr" is no setting: want url, by, output or http.config.file`,
		"- url\n":                            ":1:1: want settings, for example url: http://127.0.0.1:9095",
		"by: [anna]\n":                       ":1:5: by: want what its flag takes, in one line",
		"url:\n":                             ":1:5: url: want what its flag takes, in one line",
		"output: xml\n":                      ":1:9: output: want text, json, yaml",
		"url: [\n":                           " is not YAML: ",
	} {
		path := written(t, filepath.Join(dir, "config.yml"), text)
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"status"}, environment(map[string]string{"REMEDY_CONFIG": path}), &out, &errs)
		if code != exitUsage || out.Len() > 0 || !strings.Contains(errs.String(), path+want) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want %d, nothing and %q", text, code, &out, &errs, exitUsage, want)
		}
		if code := run(t.Context(), []string{"--help"}, environment(map[string]string{"REMEDY_CONFIG": path}), &out, &errs); code != exitOK {
			t.Errorf("%q: help is not given: exit code %d", text, code)
		}
	}
	_, err := settle(environment(map[string]string{"REMEDY_CONFIG": filepath.Join(dir, "none.yml")}))
	if err == nil || !strings.Contains(err.Error(), "none.yml: no such file") || !strings.Contains(err.Error(), "REMEDY_CONFIG") {
		t.Errorf("a file that was named and is not there: %v", err)
	}
}

// A flag has the last word.
func TestAFlagIsMoreThanASetting(t *testing.T) {
	path := written(t, filepath.Join(t.TempDir(), "config.yml"), "url: http://127.0.0.1:1\noutput: json\n")
	var out, errs bytes.Buffer
	here := serve(t, 200, `{"open": 3}`)
	code := run(t.Context(), []string{"--url", here, "-o", "yaml", "status"}, environment(map[string]string{"REMEDY_CONFIG": path}), &out, &errs)
	if code != exitOK || out.String() != "open: 3\n" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, &out, &errs)
	}
}
