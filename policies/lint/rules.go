package lint

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/policies"
)

// ReadRules reads the alerting rules of one of Prometheus's rule files. name is
// the file's, for people. What is wrong with it is said as far as it matters
// here; `promtool check rules` says the rest.
func ReadRules(name string, text []byte) ([]policies.AlertRule, []policies.Problem) {
	var file struct {
		Groups *[]struct {
			Rules []fileRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, []policies.Problem{broken(name, "the file of rules cannot be read: "+err.Error())}
	}
	if file.Groups == nil {
		return nil, []policies.Problem{broken(name, "the file has no groups, so it is no file of rules")}
	}
	var rules []policies.AlertRule
	var problems []policies.Problem
	for _, g := range *file.Groups {
		for _, r := range g.Rules {
			switch where := fmt.Sprintf("%s:%d", name, r.line); {
			case r.Alert == "" && r.Record == "":
				p := broken(name, "a rule has neither alert nor record")
				p.Line, p.Column = r.line, r.column
				problems = append(problems, p)
			case r.Alert != "":
				rules = append(rules, policies.AlertRule{Name: r.Alert, Labels: r.Labels, Source: where, Expr: r.Expr})
			}
		}
	}
	return rules, problems
}

func broken(name, message string) policies.Problem {
	return policies.Problem{File: name, Severity: policies.Error, Message: message, Hint: "see what `promtool check rules` says of it"}
}

// fileRule is one rule and where it stands.
type fileRule struct {
	Alert  string            `yaml:"alert"`
	Record string            `yaml:"record"`
	Labels map[string]string `yaml:"labels"`
	Expr   string            `yaml:"expr"`

	line, column int
}

// UnmarshalYAML reads the rule.
func (r *fileRule) UnmarshalYAML(n *yaml.Node) error {
	type plain fileRule
	if err := n.Decode((*plain)(r)); err != nil {
		return err
	}
	r.line, r.column = n.Line, n.Column
	return nil
}
