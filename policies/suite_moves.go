package policies

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
)

// move reads something that happens: {at: 5m, resolve: {alertname: Down}}.
func (r *suiteReader) move(v value) Move {
	var m Move
	c := remediate.Command{By: "somebody", Via: "test"}
	var said []value
	once := func(read func(value)) func(value) {
		return func(v value) { said = append(said, v); read(v) }
	}
	word := func(command string, read func(value, *remediate.Command)) func(value) {
		return once(func(v value) {
			c.Command = command
			read(v, &c)
			m.Command = &c
		})
	}
	fs := fields{
		"at":          func(v value) { m.At = v.offset() },
		"alert":       once(func(v value) { m.alert().Labels = v.testLabels() }),
		"annotations": func(v value) { m.alert().Annotations = v.plainTexts("annotations") },
		"fired":       func(v value) { m.alert().Fired = v.offset() },
		"resolve":     once(func(v value) { m.Resolve = v.testLabels() }),
		"silence":     once(func(v value) { m.Silence = v.testLabels() }),
		"unsilence":   once(func(v value) { m.Unsilence = v.testLabels() }),
		"world":       once(func(v value) { w := r.world(v); m.World = &w }),
		"by":          func(v value) { c.By, _ = v.text("a name") },
		"reason":      func(v value) { c.Reason, _ = v.text("a reason") },
		"guard":       func(v value) { c.Guard, _ = v.text("the name of a guard") },
		"to":          func(v value) { c.Value, _ = v.word("a severity or a mode", settings...) },
	}
	for name := range commandsOfIncidents {
		fs[name] = word(name, func(v value, c *remediate.Command) { c.Incident = v.incident() })
	}
	for _, name := range []string{remediate.Pause, remediate.Resume, remediate.SetMode} {
		fs[name] = word(name, func(v value, c *remediate.Command) { c.Scope = v.scope() })
	}
	before := len(v.doc.problems)
	if v.object("what happens", fs, "at") && len(said) != 1 && !v.misspelt(len(said), before) {
		v.fail(fmt.Sprintf("want one thing that happens here, not %d", len(said)), "write an item for each: alert, resolve, silence, unsilence, world, or a human's word such as ack: i1")
	}
	m.complete(v)
	return m
}

// settings are what a word may set: the severity of an incident, or a mode.
var settings = []string{
	string(remediate.P1), string(remediate.P2), string(remediate.P3),
	string(remediate.ModeObserve), string(remediate.ModeApprove), string(remediate.ModeAct),
}

// commandsOfIncidents are the words about one incident.
var commandsOfIncidents = map[string]bool{
	remediate.Ack: true, remediate.Unack: true, remediate.TakeOver: true, remediate.Approve: true, remediate.Deny: true,
	remediate.Run: true, remediate.Close: true, remediate.Override: true, remediate.Rate: true,
}

func (m *Move) alert() *TestAlert {
	if m.Alert == nil {
		m.Alert = &TestAlert{}
	}
	return m.Alert
}

// complete looks at a move as a whole.
func (m *Move) complete(v value) {
	if m.Alert != nil && m.Alert.Labels == nil && !v.has("alert") {
		m.Alert = nil
		v.fail("annotations and fired are said of an alert, and there is none", "write them beside alert")
	}
	if m.Command == nil {
		return
	}
	switch m.Command.Command {
	case remediate.Override:
		if m.Command.Guard == "" || m.Command.Reason == "" {
			v.fail("an override names a guard and a reason", "write for example {at: 5m, override: i1, guard: cooldown, reason: the disk was full}")
		}
	case remediate.Rate, remediate.SetMode:
		if m.Command.Value == "" {
			v.fail(fmt.Sprintf("%s needs to say to what", m.Command.Command), "write for example {at: 5m, severity: i1, to: P3} or {at: 5m, mode: policy/web, to: observe}")
		}
	}
}

// offset reads a time since the beginning of a test; 0s is the beginning.
func (v value) offset() time.Duration {
	d, err := model.ParseDuration(v.node.Value)
	if v.node.Kind != yaml.ScalarNode || err != nil {
		v.fail(fmt.Sprintf("want a time since the beginning of the test, not %s", v.shape()), "write for example 0s, 90s, 5m or 1h30m")
		return 0
	}
	return time.Duration(d)
}

// shown is an offset as it is written.
func shown(d time.Duration) string { return model.Duration(d).String() }

// incident reads i42.
func (v value) incident() uint64 {
	n, err := strconv.ParseUint(strings.TrimPrefix(v.node.Value, "i"), 10, 64)
	if v.node.Kind != yaml.ScalarNode || err != nil || n == 0 {
		v.fail(fmt.Sprintf("want an incident, not %s", v.shape()), "the incidents of a test are i1, i2 and so on, in the order in which they are opened")
		return 0
	}
	return n
}

func (v value) scope() string {
	s, ok := v.text("a scope")
	if ok && s != "all" && !strings.HasPrefix(s, "policy/") && !strings.HasPrefix(s, "namespace/") {
		v.fail(fmt.Sprintf("%q is not a scope", s), "write all, policy/NAME or namespace/NAME")
	}
	return s
}

// testLabels reads the labels of an alert.
func (v value) testLabels() remediate.Labels {
	m := v.plainTexts("labels")
	if m != nil && m["alertname"] == "" {
		v.fail("an alert has a name", "write alertname: among its labels")
	}
	return remediate.LabelsOf(m)
}

// plainTexts reads a mapping of names to texts.
func (v value) plainTexts(what string) map[string]string {
	if v.node.Kind != yaml.MappingNode {
		v.fail(fmt.Sprintf("%s: want a mapping of names to texts, not %s", what, v.shape()), "write for example {alertname: PostgresDown, namespace: shop}")
		return nil
	}
	out := map[string]string{}
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		if child.node.Kind != yaml.ScalarNode {
			child.fail(fmt.Sprintf("want a text, not %s", child.shape()), "")
			continue
		}
		out[key.node.Value] = child.node.Value
	}
	return out
}

// happening reads what is expected: {at: 33s, healed: i1}.
func (v value) happening() Happening {
	h := Happening{Details: map[string]string{}}
	var what []value
	fs := fields{"at": func(v value) { h.At = v.offset() }}
	for name := range Happenings {
		fs[name] = func(v value) { what = append(what, v); h.What, h.Incident = name, v.incident() }
	}
	details := map[string]value{}
	for _, names := range Happenings {
		for _, name := range names {
			if fs[name] == nil {
				fs[name] = func(v value) { details[name] = v; h.Details[name] = v.detail() }
			}
		}
	}
	before := len(v.doc.problems)
	if v.object("what is expected", fs, "at") && v.misspelt(len(what), before) {
		return h
	}
	if len(what) != 1 {
		v.fail(fmt.Sprintf("want one thing that is expected here, not %d", len(what)), "write an item for each, for example {at: 33s, healed: i1}; known here: "+strings.Join(slices.Sorted(maps.Keys(Happenings)), ", "))
		return h
	}
	for name, at := range details {
		if !slices.Contains(Happenings[h.What], name) {
			at.fail(fmt.Sprintf("of %s nothing is said by %q", h.What, name), "known here: "+strings.Join(Happenings[h.What], ", "))
		}
	}
	return h
}

// misspelt tells whether there is nothing because its key is not known, which
// was said.
func (v value) misspelt(n, before int) bool { return n == 0 && len(v.doc.problems) > before }

// detail reads what is said of a happening: a text, a number, a duration.
func (v value) detail() string {
	if v.node.Kind != yaml.ScalarNode {
		v.fail(fmt.Sprintf("want a text, not %s", v.shape()), "")
	}
	return v.node.Value
}
