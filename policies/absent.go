package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// checkAbsent warns of matchers that let an alert without a label pass while the
// policy needs its value: such an alert is an incident that is told and never
// acted on.
func (w *written) checkAbsent() {
	ms := matchersOf(w.When)
	for i, m := range ms {
		other := func(o *labels.Matcher) bool { return o.Name == m.Name && !o.Matches("") }
		if !m.Matches("") || !w.needs(m.Name) || slices.ContainsFunc(ms, other) {
			continue
		}
		w.when.items()[i].warn(fmt.Sprintf("%s lets alerts without the label %s pass, and this policy needs its value", m, m.Name),
			fmt.Sprintf("such an alert is told and never acted on: add '%s!=\"\"', or name the values that are meant", m.Name))
	}
}

// needs tells whether the policy cannot act without the label.
func (w *written) needs(label string) bool {
	return slices.Contains(w.Per, label) || w.takesLabel(label)
}

func (w *written) takesLabel(label string) bool {
	return slices.ContainsFunc(w.takes, func(t taken) bool { return t.label == label })
}

// exported is what Prometheus puts before the name of a label that a target
// says of itself, when the scrape has a label of that name too and does not
// honour the target's.
const exported = "exported_"

// checkExported warns of labels that are there only because of how the exporter
// is scraped. Beside exported_namespace, namespace is the exporter's own: who
// takes it for the object's acts on the wrong one.
func (w *written) checkExported() {
	for i, m := range matchersOf(w.When) {
		w.warnExported(m.Name, w.when.items()[i])
	}
	if w.per.node == nil {
		return
	}
	for _, item := range w.per.items() {
		w.warnExported(item.node.Value, item)
	}
}

func (w *written) warnExported(label string, at value) {
	plain, is := strings.CutPrefix(label, exported)
	if !is {
		return
	}
	hint := fmt.Sprintf("scrape with honor_labels: true, and write %s", plain)
	if w.needs(plain) {
		at.warn(fmt.Sprintf("where an alert has %s, its %s is that of the exporter, and this policy takes it for the object's", label, plain), hint)
		return
	}
	at.warn(fmt.Sprintf("the label %s is gone once the exporter is scraped with honor_labels: true", label), hint)
}
