package policies

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// folder is where relative paths begin: the folder of remediated.yml.
type folder struct {
	shown string // as it was written, for people
	path  string // absolute
}

// folderOf returns the folder of the configuration.
func folderOf(config string) folder {
	shown := filepath.Dir(config)
	path, err := filepath.Abs(shown)
	if err != nil { // the working folder is gone; relative paths are all there is
		path = shown
	}
	return folder{shown, path}
}

// resolve returns the path of a file that the configuration names.
func (f folder) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(f.path, path)
}

// file is the text of one file, as it was when it was read.
type file struct {
	name   string // as shown to people
	source string // relative to the configuration's folder, where it can be
	text   []byte
}

// readFile reads one file; when it cannot, it says so.
func (f folder) readFile(name string) (file, *Problem) {
	text, err := os.ReadFile(name)
	if err != nil {
		return file{}, &Problem{File: name, Severity: Error, Message: "the file cannot be read: " + err.Error(), Hint: "check that it is there and may be read"}
	}
	source, err := filepath.Rel(f.shown, name)
	if err != nil {
		source = name
	}
	return file{name, filepath.ToSlash(source), text}, nil
}

// gather reads the files of a group, in the order of their patterns and then of
// their names. at is where the group is written; a pattern that finds nothing
// is noted there.
func (f folder) gather(g Group, at value) ([]file, []Problem) {
	var files []file
	var problems []Problem
	seen := map[string]bool{}
	for _, pattern := range g.Files {
		names := f.glob(pattern)
		if len(names) == 0 {
			nothing(pattern, at)
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			got, problem := f.readFile(name)
			if problem != nil {
				problems = append(problems, *problem)
				continue
			}
			files = append(files, got)
		}
	}
	return files, problems
}

// glob returns the files that a pattern finds. As in a shell, hidden ones are
// only found by a pattern that begins with a dot: editors leave such behind.
// Policy tests, which stand beside the policies, are never found.
// A plain name is returned as it is, so that its absence is noticed.
func (f folder) glob(pattern string) []string {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(f.shown, pattern)
	}
	if !strings.ContainsAny(pattern, `*?[\`) {
		return []string{pattern}
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil // the pattern was checked when it was read
	}
	hidden := strings.HasPrefix(filepath.Base(pattern), ".")
	return slices.DeleteFunc(names, func(name string) bool {
		return isTestFile(name) || !hidden && strings.HasPrefix(filepath.Base(name), ".")
	})
}

func nothing(pattern string, at value) {
	at.warn(fmt.Sprintf("no file matches %q", pattern), "put policies there, or take the pattern out")
}
