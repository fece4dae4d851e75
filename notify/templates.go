package notify

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/template"
	"unicode/utf8"
)

// Templates are the defaults with a user's own parsed over them. Nil and the
// zero value are the defaults alone. Its methods may be called from any
// goroutine; its fields are set before the first call.
type Templates struct {
	// OnError hears of each text that a template did not yield and for which the
	// default spoke, from several goroutines; nil: nobody does.
	OnError func(name string, err error)

	set *template.Template // nil: the defaults alone
}

//go:embed default.tmpl
var defaults string

// standard is the default templates, for all that have none of their own or
// whose own fail.
var standard = sync.OnceValue(func() *template.Template {
	set := template.New("").Funcs(functions)
	if err := addFile(set, "default.tmpl", defaults); err != nil {
		panic("notify: the default templates: " + err.Error())
	}
	return set
})

// ParseTemplates parses the files that the patterns match, in order, over the
// defaults: what is defined later replaces what was before. A pattern is one of
// [filepath.Match]. One without wildcards names a file, which must be there;
// one with them may match nothing yet, in a directory that is there.
//
// Each template is executed with each of [Samples]. What cannot be executed,
// does not end, or writes too much is refused here, so that it need not be at
// the time of an incident.
func ParseTemplates(patterns ...string) (*Templates, error) {
	var files []string
	for _, p := range patterns {
		matched, err := match(p)
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		files = append(files, matched...)
	}
	if len(files) == 0 {
		return &Templates{}, nil
	}
	set := template.Must(standard().Clone())
	for _, file := range files {
		if err := readInto(set, file); err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
	}
	if err := check(set); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return &Templates{set: set}, nil
}

func (t *Templates) failed(name string, err error) {
	if t != nil && t.OnError != nil {
		t.OnError(name, err)
	}
}

// match returns the files of one pattern.
func match(pattern string) ([]string, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: want a path with wildcards such as /etc/remediated/*.tmpl", pattern, err)
	}
	if len(files) > 0 {
		return files, nil
	}
	dir := pattern
	for wild(dir) {
		dir = filepath.Dir(dir)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%s matches no file: %w", pattern, err)
	}
	return nil, nil
}

func wild(path string) bool { return strings.ContainsAny(path, `*?[\`) }

// maxFile is how large a file of templates may be, in bytes: what is larger is
// not one.
const maxFile = 256 << 10

func readInto(set *template.Template, file string) error {
	// Before it is opened: a pipe would be waited for.
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file: want one with templates, for example /etc/remediated/*.tmpl", file)
	case info.Size() > maxFile:
		return fmt.Errorf("%s has %d bytes, at most %d are read", file, info.Size(), maxFile)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for n, line := range strings.Split(string(text), "\n") {
		if !utf8.ValidString(line) {
			return fmt.Errorf("%s:%d: not UTF-8: save the file in that encoding", file, n+1)
		}
	}
	return addFile(set, file, string(text))
}

// addFile adds what the file defines to the set, counted (see [count]).
func addFile(set *template.Template, file, text string) error {
	parsed, err := template.New(file).Funcs(functions).Parse(text)
	if err != nil {
		return advise(err)
	}
	for _, t := range byName(parsed) {
		if t.Name() == file {
			if stray := firstOf(t.Tree); stray != nil {
				where, what := t.ErrorContext(stray)
				return fmt.Errorf("%s: %.60q is in no template and shown nowhere: put it between {{ define %q }} and {{ end }}", where, what, "summary")
			}
			continue
		}
		// Counted first: text/template takes no empty definition over another, and
		// that is how a text is left out.
		count(t.Tree)
		if _, err := set.AddParseTree(t.Name(), t.Tree); err != nil {
			return err
		}
	}
	return nil
}

// byName returns the templates of a set in an order that does not change.
func byName(set *template.Template) []*template.Template {
	return slices.SortedFunc(slices.Values(set.Templates()), func(a, b *template.Template) int { return strings.Compare(a.Name(), b.Name()) })
}
