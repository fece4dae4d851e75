package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/policies"
)

// LiveRules returns the alerting rules that a Prometheus has, from its answers
// about rules and about its configuration: alerts get labels on their way to
// Alertmanager.
func LiveRules(rules promv1.RulesResult, configuration string) ([]policies.AlertRule, error) {
	way, err := readWay(configuration)
	if err != nil {
		return nil, fmt.Errorf("read Prometheus's configuration: %w", err)
	}
	var out []policies.AlertRule
	for _, g := range rules.Groups {
		for _, any := range g.Rules {
			r, is := any.(promv1.AlertingRule)
			if !is {
				continue
			}
			rule := policies.AlertRule{Name: r.Name, Labels: texts(r.Labels), Source: fmt.Sprintf("%s, group %s", g.File, g.Name), Expr: r.Query, Added: way.adds()}
			for _, a := range r.Alerts {
				if ls := texts(a.Labels); way.pass(ls) {
					rule.Active = append(rule.Active, ls)
				}
			}
			out = append(out, rule)
		}
	}
	return out, nil
}

// Sent says what becomes of an alert's labels on the way from a rule to
// Alertmanager, by the configuration of a Prometheus: it adds those that are
// added, and returns false when some may be changed there otherwise.
func Sent(configuration string) (func(labels map[string]string) bool, error) {
	way, err := readWay(configuration)
	if err != nil {
		return nil, fmt.Errorf("read Prometheus's configuration: %w", err)
	}
	return way.pass, nil
}

func texts(set model.LabelSet) map[string]string {
	out := make(map[string]string, len(set))
	for name, value := range set {
		out[string(name)] = string(value)
	}
	return out
}

// way is what becomes of an alert's labels between a rule and Alertmanager.
type way struct {
	Global struct {
		External map[string]string `yaml:"external_labels"`
	} `yaml:"global"`
	Alerting struct {
		Relabel       []relabelling `yaml:"alert_relabel_configs"`
		Alertmanagers []struct {
			Relabel []relabelling `yaml:"alert_relabel_configs"`
		} `yaml:"alertmanagers"`
	} `yaml:"alerting"`
}

// relabelling is one thing that is done to an alert's labels.
type relabelling struct {
	Action string `yaml:"action"`
	Target string `yaml:"target_label"`
}

// removing are the actions that give an alert no label.
var removing = []string{"drop", "keep", "dropequal", "keepequal", "labeldrop", "labelkeep"}

func readWay(configuration string) (w way, err error) {
	err = yaml.Unmarshal([]byte(configuration), &w)
	return w, err
}

// relabellings are all that an alert may go through.
func (w way) relabellings() []relabelling {
	all := w.Alerting.Relabel
	for _, a := range w.Alerting.Alertmanagers {
		all = slices.Concat(all, a.Relabel)
	}
	return all
}

// pass adds the labels that are added on the way. It returns false when an alert
// may get others there, so that what it lacks here says nothing.
func (w way) pass(ls map[string]string) bool {
	for name, value := range w.Global.External {
		if _, has := ls[name]; !has {
			ls[name] = value
		}
	}
	return !slices.ContainsFunc(w.relabellings(), func(r relabelling) bool { return !slices.Contains(removing, r.Action) })
}

// adds are the labels that an alert may get on the way.
func (w way) adds() policies.LabelNames {
	added := policies.OnlyLabels(slices.Sorted(maps.Keys(w.Global.External))...)
	for _, r := range w.relabellings() {
		switch {
		case slices.Contains(removing, r.Action):
		case r.Target == "" || strings.Contains(r.Target, "$"):
			return policies.LabelNames{} // by a name that only the alert tells
		default:
			added.Names = append(added.Names, r.Target)
		}
	}
	return added
}
