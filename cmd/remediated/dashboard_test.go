package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// exposed are the metrics of the daemon, each with its labels.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, m := range metrics(t) {
		all[m.name] = m.labels
	}
	return all
}

// everywhere are labels that Prometheus gives, or that a histogram has.
var everywhere = []string{"instance", "job", "cluster", "le", labels.MetricName}

// amiss says what a query asks of us that is not there.
func amiss(metrics map[string][]string, query string) (all []string) {
	query = strings.NewReplacer("$__rate_interval", "5m").Replace(query)
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return []string{err.Error()}
	}
	known := everywhere
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok || !strings.HasPrefix(s.Name, "remediated_") {
			return nil
		}
		name := s.Name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if _, whole := metrics[name]; !whole {
				name = strings.TrimSuffix(name, suffix)
			}
		}
		of, ok := metrics[name]
		if !ok {
			all = append(all, "no metric "+s.Name)
		}
		known = append(slices.Clip(known), of...)
		for _, m := range s.LabelMatchers {
			if !slices.Contains(append(slices.Clip(everywhere), of...), m.Name) {
				all = append(all, fmt.Sprintf("%s has no label %s", s.Name, m.Name))
			}
		}
		return nil
	})
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok && !a.Without && strings.Contains(a.String(), "remediated_") {
			for _, by := range a.Grouping {
				if !slices.Contains(known, by) {
					all = append(all, "nothing has the label "+by)
				}
			}
		}
		return nil
	})
	return all
}

// What the dashboard and the alert rules ask about the daemon is what it exposes.
func TestWhatIsAskedIsExposed(t *testing.T) {
	metrics, asked := exposed(t), 0
	for where, queries := range map[string][]string{"deploy/grafana/remediated.json": dashboard(t), "deploy/prometheus/remediated.rules.yml": rules(t)} {
		for _, q := range queries {
			asked += strings.Count(q, "remediated_")
			for _, why := range amiss(metrics, q) {
				t.Errorf("%s: %s: %s", where, q, why)
			}
		}
	}
	if asked < 40 {
		t.Errorf("only %d metrics are asked for: are the files read?", asked)
	}
	for _, q := range []string{
		"remediated_incident_open", `remediated_paused{policy="a"}`, "sum by (severty) (remediated_incidents_open)", "rate(remediated_acts_total[5m]", "remediated_paused_bucket_x",
	} {
		if len(amiss(metrics, q)) == 0 {
			t.Errorf("nothing is found amiss with %s", q)
		}
	}
}

// dashboard are the queries of Grafana's panels and variables.
func dashboard(t *testing.T) (queries []string) {
	var d struct {
		Panels []struct {
			Title       string
			Type        string
			Description *string
			Targets     []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Definition string }
		}
	}
	if err := json.Unmarshal(deployed(t, "grafana/remediated.json"), &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, target.Expr)
		}
	}
	variable := regexp.MustCompile(`^label_values\((.+), \w+\)$`)
	for _, v := range d.Templating.List {
		if m := variable.FindStringSubmatch(v.Definition); m != nil {
			queries = append(queries, m[1])
		}
	}
	return queries
}

// rules are the expressions of the shipped alert rules.
func rules(t *testing.T) (queries []string) {
	var file struct {
		Groups []struct{ Rules []struct{ Expr string } }
	}
	if err := yaml.Unmarshal(deployed(t, "prometheus/remediated.rules.yml"), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			queries = append(queries, r.Expr)
		}
	}
	return queries
}

func deployed(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile("../../deploy/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
