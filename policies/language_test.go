package policies

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/policies/language"
	"github.com/x0tta6bl4/remediated/remediate"
)

// TestReferenceIsTheLanguage holds the description against the reader. It goes
// through files that use everything, and at each place has the reader read
// something else: an unknown key makes it name the keys that it knows and those
// that it misses, a wrong value must be refused, a word must be known, and a default
// that is written out must change nothing.
func TestReferenceIsTheLanguage(t *testing.T) {
	readers, texts := languageReaders(t)
	layPolicies(t)
	for _, f := range language.Files() {
		t.Run(f.Name, func(t *testing.T) {
			used, held := map[string]bool{}, 0
			for _, text := range texts[f.Name] {
				l := &languageTest{t: t, read: readers[f.Name], used: used}
				l.file(f, text)
				held += l.held
			}
			if held < map[string]int{"config": 10, "policies": 10, "tests": 3}[f.Name] {
				t.Errorf("only %d defaults were looked at", held)
			}
			for _, o := range f.Objects() {
				for _, field := range o.Fields {
					if !used[o.Name+"."+field.Name] {
						t.Errorf("none of the files has the key %s of %s: add it to testdata/language", field.Name, o.Name)
					}
				}
			}
		})
	}
}

// languageReaders are what reads each of the files of the language, and files that
// use everything in it.
func languageReaders(t *testing.T) (readers map[string]func(value) any, texts map[string][]string) {
	t.Helper()
	r := newConfigReader(folder{})
	_, v, _ := parse(file{name: "remediated.yml", text: []byte(wholeConfig)})
	r.read(v)
	readers = map[string]func(value) any{
		"config": func(v value) any {
			r := newConfigReader(folder{})
			r.read(v)
			return r.config
		},
		"policies": func(v value) any {
			p := &policyReader{catalogue: testCatalogue(), config: &r.config}
			return policiesOf(p.read(v))
		},
		"tests": casesOf,
	}
	return readers, map[string][]string{
		"config":   {wholeConfig, read(t, "testdata/language/config.yml")},
		"policies": {wholePolicy, read(t, "testdata/language/policies.yml")},
		"tests":    {suiteOfConfig, read(t, "testdata/language/tests.yml")},
	}
}

// strange is a key and a word that nothing known is close to, so that the reader
// names all that it knows.
const strange = "qqqqqqqqqqqq"

// policiesOf are the policies that were read, without the lines they stand on.
func policiesOf(ws []written) []remediate.Policy {
	var out []remediate.Policy
	for _, w := range ws {
		w.Source = ""
		out = append(out, w.Policy)
	}
	return out
}

// languageTest is one file that is changed in each place, and read.
type languageTest struct {
	t    *testing.T
	root *yaml.Node
	read func(value) any
	used map[string]bool // keys by the name of their object
	held int             // defaults that were held against the reader's
}

func (l *languageTest) file(f language.File, text string) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		l.t.Fatal(err)
	}
	l.root = doc.Content[0]
	if wrong := l.errors(); len(wrong) > 0 {
		l.t.Fatalf("a file that everything is right in has errors:\n%s", render(l.t, wrong))
	}
	l.object(f.Root, l.root, "")
}

// errors are those of the file as it is now.
func (l *languageTest) errors() []Problem {
	_, wrong := l.now()
	return wrong
}

// now reads the file as it is now.
func (l *languageTest) now() (meant any, wrong []Problem) {
	text, err := yaml.Marshal(l.root)
	if err != nil {
		l.t.Fatal(err)
	}
	doc, v, ok := parse(file{name: "the file", text: text})
	if ok {
		meant = l.read(v)
	}
	return meant, slices.DeleteFunc(doc.problems, func(p Problem) bool { return p.Severity != Error })
}

// with reads the file with something else in one place.
func (l *languageTest) with(node *yaml.Node, text string) []Problem {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		l.t.Fatal(err)
	}
	before := *node
	defer func() { *node = before }()
	*node = *doc.Content[0]
	return l.errors()
}

// object goes through a mapping that is an object of the reference.
func (l *languageTest) object(name string, node *yaml.Node, path string) {
	o := language.Find(name)
	if o == nil || node.Kind != yaml.MappingNode {
		l.t.Errorf("%s: want the object %s", path, name)
		return
	}
	l.keys(o, node, path)
	for i := 0; i < len(node.Content); i += 2 {
		key, child := node.Content[i].Value, node.Content[i+1]
		field := o.Field(key)
		if field == nil {
			field = ofKind(o, key)
		}
		if field == nil {
			l.t.Errorf("%s: the reference of %s does not have the key %s, which is read", path, name, key)
			continue
		}
		l.used[name+"."+key] = true
		l.used[o.Beside()+"."+key] = true
		l.byDefault(*field, node, i, path)
		l.value(field.Type, child, strings.TrimPrefix(path+"."+key, "."))
	}
}

// ofKind is the key that an object has for a kind, nil when it has none.
func ofKind(o *language.Object, key string) *language.Field {
	for _, f := range o.OfKinds(testKinds()) {
		if f.Name == key {
			return &f
		}
	}
	return nil
}

// literal is a default that begins as it would be written.
var literal = regexp.MustCompile("^`([^`]+)`")

// byDefault leaves out the key whose name is at i of a mapping, then writes out
// what is said to hold without it: both must mean the same.
func (l *languageTest) byDefault(field language.Field, node *yaml.Node, i int, path string) {
	said := literal.FindStringSubmatch(field.Default)
	if said == nil {
		return
	}
	l.held++
	path = strings.TrimPrefix(path+"."+field.Name, ".")
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(said[1]), &doc); err != nil {
		l.t.Fatal(err)
	}
	before := node.Content
	defer func() { node.Content = before }()
	node.Content = slices.Delete(slices.Clone(before), i, i+2)
	without, wrong := l.now()
	node.Content = slices.Clone(before)
	node.Content[i+1] = doc.Content[0]
	with, more := l.now()
	if wrong = slices.Concat(wrong, more); len(wrong) > 0 {
		l.t.Errorf("%s: left out or with its default:\n%s", path, render(l.t, wrong))
	}
	if !reflect.DeepEqual(without, with) {
		l.t.Errorf("%s: %s is said to hold without it, and means something else", path, said[0])
	}
}

// keys holds the keys of an object against those that the reader names.
func (l *languageTest) keys(o *language.Object, node *yaml.Node, path string) {
	var known, missed []string
	for _, p := range l.with(node, "{"+strange+": 1}") {
		if p.Field == strings.TrimPrefix(path+"."+strange, ".") {
			known = strings.Split(strings.TrimPrefix(p.Hint, "known here: "), ", ")
		}
		if _, name, ok := strings.Cut(p.Message, " has no "); ok && p.Field == path {
			missed = append(missed, strings.Trim(name, `"`))
		}
	}
	known = slices.DeleteFunc(known, func(key string) bool { return isSecret(path+"."+key, key) })
	var described, required []string
	for _, f := range slices.Concat(o.All(), o.OfKinds(testKinds())) {
		described = append(described, f.Name)
		if f.Required() {
			required = append(required, f.Name)
		}
	}
	l.same(path+": the keys of "+o.Name, described, known)
	l.same(path+": the required keys of "+o.Name, required, missed)
}

func (l *languageTest) same(what string, described, read []string) {
	l.t.Helper()
	slices.Sort(described)
	slices.Sort(read)
	if !slices.Equal(described, read) {
		l.t.Errorf("%s:\nthe reference has %v\nthe reader knows %v", what, described, read)
	}
}

// value has the reader read other values, and goes through what is inside.
func (l *languageTest) value(typ language.Type, node *yaml.Node, path string) {
	for _, text := range wrongValues(typ) {
		if typ.Or == nil && len(l.with(node, text)) == 0 {
			l.t.Errorf("%s: want %s, and the reader takes %s", path, typ.Form, text)
		}
	}
	for _, text := range slices.Concat(rightValues(typ), rightValues(deref(typ.Or))) {
		for _, p := range l.with(node, text) {
			if p.Field == path {
				l.t.Errorf("%s: the reader does not take %s: %s", path, text, p.Message)
			}
		}
	}
	if typ.Or != nil && len(l.with(node, strange)) == 0 {
		l.t.Errorf("%s: the reader takes any word", path)
	}
	if (typ.Form == language.FormWord || typ.Form == language.FormReply) && node.Kind == yaml.ScalarNode {
		l.words(typ.Words, node, path)
	}
	switch {
	case typ.Or != nil && node.Kind == yaml.MappingNode && typ.Form != language.FormObject:
		l.value(*typ.Or, node, path)
	case typ.Form == language.FormObject && node.Kind == yaml.MappingNode:
		l.object(typ.Object, node, path)
	case typ.Form == language.FormList:
		for i, item := range node.Content {
			l.value(*typ.Of, item, fmt.Sprintf("%s[%d]", path, i))
		}
	case typ.Form == language.FormMap:
		for i := 0; i < len(node.Content); i += 2 {
			l.value(*typ.Of, node.Content[i+1], path+"."+node.Content[i].Value)
		}
	case typ.Form == language.FormAction:
		l.beside(node, path)
	}
}

// words holds the words of a type against those that the reader names.
func (l *languageTest) words(described []string, node *yaml.Node, path string) {
	var known []string
	for _, p := range l.with(node, strange) {
		if p.Field == path {
			known = strings.Split(strings.TrimPrefix(p.Hint, "known here: "), ", ")
		}
	}
	l.same(path+": the words", slices.Clone(described), known)
}

// beside looks at what may stand beside the kind of an action.
func (l *languageTest) beside(node *yaml.Node, path string) {
	kind := node.Content[0].Value
	if wrong := l.with(node, "{"+kind+": {}, within: 5}"); !slices.ContainsFunc(wrong, func(p Problem) bool { return p.Field == path+".within" }) {
		l.t.Errorf("%s: within takes a number without a unit", path)
	}
	if len(l.with(node, "{"+kind+": {}, for: 5m}")) == 0 {
		l.t.Errorf("%s: there is something else than within beside the kind", path)
	}
}

func deref(t *language.Type) language.Type {
	if t == nil {
		return language.Type{}
	}
	return *t
}

// wrongValues are some that a type does not take.
func wrongValues(t language.Type) []string {
	switch t.Form {
	case language.FormText:
		out := []string{"[a]", "{a: b}"}
		if !t.Empty && t.Pattern != "" {
			out = append(out, `""`)
		}
		if t.Pattern != "" && t.Pattern != `\S` {
			out = append(out, `"?!"`)
		}
		return out
	case language.FormWord:
		return []string{strange, "[a]", "1"}
	case language.FormTruth:
		return []string{"maybe", "1", "[true]"}
	case language.FormCount:
		return []string{fmt.Sprint(t.Low - 1), fmt.Sprint(t.High + 1), "1.5", "a", `"1"`}
	case language.FormNumber:
		return []string{"a", ".inf", "[1]"}
	case language.FormShare:
		return []string{"0", "1.1", "70%"}
	case language.FormDuration:
		return []string{"5", "0s", "soon", "5 m", "1m1h", "[5m]"}
	case language.FormList:
		return notEmpty(t, "[]", "a", "{}")
	case language.FormMap:
		return notEmpty(t, "{}", "a", "[]")
	case language.FormSince:
		return []string{"5", "soon", "5 m", "1m1h", "-5m", "[5m]", "{a: b}", `""`}
	case language.FormReply:
		return []string{strange, "ok in 3s", "ok after soon", "after 3s", "[ok]", "{a: b}", "1", `""`}
	case language.FormScalar:
		return []string{"[a]", "{a: b}"}
	case language.FormObject:
		return []string{"a", "[a]"}
	}
	return []string{"a", "[a]"} // settings, actions and probes
}

// notEmpty adds what has nothing in it to wrong values, unless that is right.
func notEmpty(t language.Type, nothing string, wrong ...string) []string {
	if t.Empty {
		return wrong
	}
	return append(wrong, nothing)
}

// rightValues are some that a type takes.
func rightValues(t language.Type) []string {
	switch t.Form {
	case language.FormWord:
		return t.Words
	case language.FormTruth:
		return []string{"true", "false"}
	case language.FormCount:
		return []string{fmt.Sprint(t.Low), fmt.Sprint(t.High)}
	case language.FormShare:
		return []string{"1", "0.01"}
	case language.FormDuration:
		return []string{"1ms", "1h30m", "7d"}
	case language.FormSince:
		return []string{"0", "0s", "0h0m", "1ms", "1h30m", "7d"}
	case language.FormReply:
		return replies(t.Words)
	case language.FormScalar:
		return []string{"a", `""`, "3", "0.5", "true", "2024-01-01", "null"}
	}
	switch {
	case t.Empty && t.Form == language.FormList:
		return []string{"[]"}
	case t.Empty && t.Form == language.FormMap:
		return []string{"{}"}
	case t.Empty:
		return []string{`""`}
	}
	return nil
}

// replies are ways to say how something ends.
func replies(words []string) []string {
	var out []string
	for _, w := range words {
		out = append(out, w, w+" after 3s", w+" after 0", "'"+w+": why'", "' "+w+"  after 1h30m : why not: this '")
	}
	return out
}

// TestReferenceNames holds the names that the reference says against the code's.
func TestReferenceNames(t *testing.T) {
	policy := language.Find("policy")
	pattern := regexp.MustCompile(policy.Field("target").Type.Pattern)
	for _, kind := range remediate.TargetKinds {
		for _, s := range []string{kind + "/shop/db", kind + "/db", "dr/" + kind + "/shop/db", "dr/" + kind + "/db", "a/b/" + kind + "/shop/db"} {
			if _, err := remediate.ParseTarget("prod", s); (err == nil) != pattern.MatchString(s) {
				t.Errorf("whether %q is a target is said to be %v, and reads as %v", s, pattern.MatchString(s), err)
			}
		}
	}
	for _, taken := range []string{remediate.StormPolicy, remediate.WatchdogPolicy, remediate.UntoldPolicy} {
		if got := policy.Field("name").Doc; !strings.Contains(got, "`"+taken+"`") {
			t.Errorf("it is not said that the name %s is taken: %s", taken, got)
		}
	}
}
