package notify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
)

// Bounds of one execution.
const (
	// maxActions is far more than a useful template has, and passes in milliseconds.
	maxActions = 10_000
	// maxOutput is in bytes. What is shown of it is much less.
	maxOutput = 256 << 10
)

// A template can be written that never ends, for example by a range over a
// large number, and text/template cannot be stopped from outside unless it
// writes something. So each action of each template has another one before it,
// which counts.

// counter is the name of the function that counts. A user's files cannot call
// it: it is not there when they are parsed.
const counter = "_count"

// run executes the templates of a set, one at a time. It is for one goroutine.
type run struct {
	set  *template.Template
	left int // actions
}

func newRun(set *template.Template) *run {
	r := &run{}
	// As Alertmanager has it, a label that is not there is empty.
	r.set = template.Must(set.Clone()).Option("missingkey=zero").Funcs(template.FuncMap{counter: r.count})
	return r
}

// endlessError is of a template that does too much.
type endlessError struct{ where string }

func (e *endlessError) Error() string {
	return fmt.Sprintf("more than %d actions are done for one text: it is a range or a template that does not end, or nearly so", maxActions)
}

func (r *run) count(where string) (string, error) {
	if r.left--; r.left < 0 {
		return "", &endlessError{where}
	}
	return "", nil
}

// execute returns what the template writes, or why that is nothing to be used.
func (r *run) execute(name string, dot any) (wrote string, err error) {
	defer func() { // a notice is more than its template
		if p := recover(); p != nil {
			err = fmt.Errorf("template %q: %v", name, p)
		}
	}()
	var out bounded
	r.left = maxActions
	err = r.set.ExecuteTemplate(&out, name, dot)
	var endless *endlessError
	switch {
	case errors.As(err, &endless):
		return "", fmt.Errorf("%s: template %q: %w", endless.where, name, endless)
	case errors.Is(err, errLong):
		return "", fmt.Errorf("%s: template %q writes more than %d bytes: a message has room for some hundred", r.where(name), name, maxOutput)
	case err != nil:
		return "", advise(err)
	}
	return out.String(), nil
}

// where is where the template is defined.
func (r *run) where(name string) string {
	t := r.set.Lookup(name)
	if t == nil || t.Tree == nil || t.Root == nil {
		return "?"
	}
	at, _ := t.ErrorContext(t.Root)
	return at
}

// bounded takes what a template writes, up to maxOutput.
type bounded struct{ strings.Builder }

var errLong = errors.New("too much is written")

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxOutput {
		return 0, errLong
	}
	return b.Builder.Write(p)
}

// count puts a counting action before each action of the tree, and into each
// body, which may be empty.
func count(t *parse.Tree) {
	if t != nil && t.Root != nil {
		countList(t, t.Root, t.Root)
	}
}

func countList(t *parse.Tree, of parse.Node, l *parse.ListNode) {
	if l == nil {
		return
	}
	nodes := []parse.Node{counting(t, of)}
	for _, n := range l.Nodes {
		if b := branch(n); b != nil {
			countList(t, n, b.List)
			countList(t, n, b.ElseList)
		}
		if n.Type() != parse.NodeText {
			nodes = append(nodes, counting(t, n))
		}
		nodes = append(nodes, n)
	}
	l.Nodes = nodes
}

// counting returns an action that counts, in the name of n.
func counting(t *parse.Tree, n parse.Node) parse.Node {
	where, _ := t.ErrorContext(n)
	set, err := parse.Parse(counter, fmt.Sprintf("{{%s %q}}", counter, where), "", "", map[string]any{counter: (*run)(nil).count})
	if err != nil {
		panic("notify: " + err.Error()) // it is of our own making, but for a quoted path
	}
	return set[counter].Root.Nodes[0]
}

// branch returns the bodies of n, nil when it has none.
func branch(n parse.Node) *parse.BranchNode {
	switch n := n.(type) {
	case *parse.IfNode:
		return &n.BranchNode
	case *parse.RangeNode:
		return &n.BranchNode
	case *parse.WithNode:
		return &n.BranchNode
	}
	return nil
}

// each visits the nodes of a body and of the bodies in it.
func each(l *parse.ListNode, visit func(parse.Node)) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		visit(n)
		if b := branch(n); b != nil {
			each(b.List, visit)
			each(b.ElseList, visit)
		}
	}
}

// firstOf returns what a tree shows first, nil when it shows nothing.
func firstOf(t *parse.Tree) parse.Node {
	if t == nil || t.Root == nil {
		return nil
	}
	for _, n := range t.Root.Nodes {
		if parse.IsEmptyTree(n) {
			continue
		}
		if text, ok := n.(*parse.TextNode); ok { // it begins where something can be seen
			seen := bytes.TrimLeftFunc(text.Text, unicode.IsSpace)
			text.Pos += parse.Pos(len(text.Text) - len(seen))
			text.Text = seen
		}
		return n
	}
	return nil
}
