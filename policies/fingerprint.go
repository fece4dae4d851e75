package policies

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// Fingerprint is of everything that is read at a reload, as it is on the disk now:
// the configuration at path, its policy files and its templates of notices, by
// name and text. It is another when one of them was changed, came or went. Secrets
// are not among them, since each is read when it is used.
func Fingerprint(path string) string {
	sum := sha256.New()
	add := func(name string) {
		text, err := os.ReadFile(name)
		fmt.Fprintf(sum, "%q %t %d\n%s\n", name, err == nil, len(text), text)
	}
	add(path)
	dir := folderOf(path)
	r := newConfigReader(dir)
	if f, problem := dir.readFile(path); problem == nil {
		if _, v, ok := parse(f); ok {
			r.read(v) // as far as it can be: a broken one changes when it is mended
		}
	}
	for _, g := range r.config.Groups {
		for _, pattern := range g.Files {
			for _, name := range dir.glob(pattern) {
				add(name)
			}
		}
	}
	for _, name := range r.config.TemplateFiles() {
		add(name)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// TemplateFiles are the templates of notices that there are now. What is no pattern
// finds none, and is refused where templates are read.
func (c *Config) TemplateFiles() (names []string) {
	for _, pattern := range c.Templates {
		found, _ := filepath.Glob(pattern)
		names = append(names, found...)
	}
	return names
}
