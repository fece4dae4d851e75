package notify

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// check refuses a set with templates that nothing uses or that cannot be used.
func check(set *template.Template) error {
	if err := checkNames(set); err != nil {
		return err
	}
	t := &Templates{set: set}
	for _, x := range texts {
		for _, s := range Samples() {
			if err := rehearse(t, x, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkNames looks for names that are used and not defined, and the other way
// round: both are misspelled.
func checkNames(set *template.Template) (err error) {
	used := map[string]bool{}
	for _, t := range byName(set) {
		if t.Tree == nil {
			continue
		}
		each(t.Root, func(n parse.Node) {
			call, ok := n.(*parse.TemplateNode)
			if !ok {
				return
			}
			used[call.Name] = used[call.Name] || call.Name != t.Name()
			if set.Lookup(call.Name) == nil && err == nil {
				where, _ := t.ErrorContext(n)
				err = fmt.Errorf("%s: template %q: there is no template %q: define it, or take one of %s", where, t.Name(), call.Name, offer(names()))
			}
		})
	}
	for _, t := range byName(set) {
		if _, known := needed[t.Name()]; err == nil && t.Tree != nil && !known && !used[t.Name()] {
			where, _ := t.ErrorContext(t.Root)
			err = fmt.Errorf("%s: template %q is defined and nothing shows it: define one of %s", where, t.Name(), offer(names()))
		}
	}
	return err
}

// names of the templates that are shown, sorted.
func names() []string { return slices.Sorted(maps.Keys(needed)) }

// rehearse executes the template of x with a sample, and reads what it writes.
func rehearse(t *Templates, x text, s Sample) error {
	w := t.Words("", s.Notice, "https://remediated.example/incidents/42")
	for _, dot := range x.dots(w) {
		_, err := obtain(w.own, x.name, dot, func(wrote string) (struct{}, error) {
			if err := x.read(wrote); err != nil {
				return struct{}{}, fmt.Errorf("%s: template %q: %w", w.own.where(x.name), x.name, err)
			}
			return struct{}{}, nil
		})
		if err != nil {
			return fmt.Errorf("%w (tried with the notice %q)", err, s.Name)
		}
	}
	return nil
}

// What text/template says is wrong, and what would be right.
var advices = []struct {
	about *regexp.Regexp
	right func(found []string) string
}{
	{regexp.MustCompile(`function ".*" not defined`), func([]string) string {
		return "there are Alertmanager's functions: " + offer(functionNames())
	}},
	{regexp.MustCompile(`can't evaluate field \S+ in type \*?notify\.(Data|Attempt|Line)\b`), func(found []string) string {
		return "there are " + offer(fields(kinds[found[1]]))
	}},
	{regexp.MustCompile(`nil pointer|nil data; no entry`), func([]string) string {
		return `what is not there is nothing: ask first, as in {{ with .Healed }}{{ date "15:04" . }}{{ end }}`
	}},
}

// kinds are what a template may be given.
var kinds = map[string]reflect.Type{
	"Data": reflect.TypeFor[Data](), "Attempt": reflect.TypeFor[Attempt](), "Line": reflect.TypeFor[Line](),
}

// fields returns how a template names the fields of t.
func fields(t reflect.Type) (all []string) {
	for f := range t.Fields() {
		all = append(all, "."+f.Name)
	}
	return all
}

// advise says what would be right to an error of text/template, which names
// the file, the line and the template itself.
func advise(err error) error {
	said := strings.TrimPrefix(err.Error(), "template: ")
	for _, a := range advices {
		if found := a.about.FindStringSubmatch(said); found != nil {
			return errors.New(said + ": " + a.right(found))
		}
	}
	return errors.New(said)
}
