package policies

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
)

// Digest tells one state of the files from another: of the configuration at path, and
// of the policies and templates that c, which was read from it, names. A file that
// cannot be read is a state of its own. It looks at no secret, since these are read
// at each use.
func Digest(path string, c *Config) string {
	dir := folderOf(path)
	sum := sha256.New()
	one := func(name string) {
		f, problem := dir.readFile(name)
		if problem != nil {
			fmt.Fprintf(sum, "%q %q\n", name, problem.Message)
			return
		}
		fmt.Fprintf(sum, "%q %d\n%s", name, len(f.text), f.text)
	}
	one(path)
	for _, g := range c.Groups {
		for _, pattern := range g.Files {
			for _, name := range dir.glob(pattern) {
				one(name)
			}
		}
	}
	for _, pattern := range c.Templates {
		names, err := filepath.Glob(pattern)
		if err != nil {
			continue // the pattern was checked when it was read
		}
		for _, name := range names {
			one(name)
		}
	}
	return string(sum.Sum(nil))
}
