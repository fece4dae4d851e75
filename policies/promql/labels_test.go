package promql

import (
	"maps"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/x0tta6bl4/remediated/policies"
)

func only(names ...string) policies.LabelNames   { return policies.OnlyLabels(names...) }
func allBut(names ...string) policies.LabelNames { return policies.LabelNames{Names: names} }

// What an expression leaves of labels: none but those, or all but those.
var leaves = map[string]policies.LabelNames{
	// What chooses series leaves them as they are.
	`up`:                                       allBut(),
	`up == 0`:                                  allBut(),
	`0 < up`:                                   allBut(),
	`-(up)`:                                    allBut(),
	`up{namespace=""}`:                         allBut("namespace"),
	`up{namespace=~""}`:                        allBut("namespace"),
	`up{namespace!=""}`:                        allBut(),
	`topk(3, up)`:                              allBut(),
	`bottomk by (job) (3, up)`:                 allBut(),
	`limitk(3, up)`:                            allBut(),
	`limit_ratio(0.5, up)`:                     allBut(),
	`rate(up[5m]) > 0`:                         allBut(),
	`avg_over_time(up{x=""}[5m]) > 0`:          allBut("x"),
	`max_over_time(up[5m:1m])`:                 allBut(),
	`quantile_over_time(0.9, up[5m])`:          allBut(),
	`predict_linear(up[1h], 3600) < 0`:         allBut(),
	`clamp_max(sum by (pod) (up), 3)`:          only("pod"),
	`timestamp(up)`:                            allBut(),
	`sort_by_label(sum by (pod) (up), "pod")`:  only("pod"),
	`up offset 5m`:                             allBut(),
	`up @ 0`:                                   allBut(),
	`round(sum by (a, b) (rate(up[5m])), 0.1)`: only("a", "b"),

	// What aggregates takes away.
	`sum(up)`:                                                        only(),
	`sum(up) > 3`:                                                    only(),
	`sum by (namespace) (up)`:                                        only("namespace"),
	`sum by (a, b) (up{b=""})`:                                       only("a"),
	`sum without (instance) (up)`:                                    allBut("instance"),
	`sum without (a) (sum by (a, b) (up))`:                           only("b"),
	`sum by (a, b) (sum without (b) (up))`:                           only("a"),
	`count_values("version", build)`:                                 only("version"),
	`count_values by (job) ("version", build)`:                       only("job", "version"),
	`count_values without (job) ("job", build)`:                      allBut(),
	`quantile by (job) (0.9, up)`:                                    only("job"),
	`group(up)`:                                                      only(),
	`topk(3, sum by (job) (up))`:                                     only("job"),
	`sum by (__name__) (up)`:                                         only(),
	`histogram_quantile(0.9, rate(h_bucket[5m]))`:                    allBut("le"),
	`histogram_quantile(0.9, sum by (le, job) (rate(h_bucket[5m])))`: only("job"),
	`histogram_count(sum by (job) (h))`:                              only("job"),

	// What has no labels.
	`vector(1)`:             only(),
	`vector(scalar(up))`:    only(),
	`vector(time()) > 3`:    only(),
	`hour() > 8`:            only(),
	`hour(sum by (a) (up))`: only("a"),
	`pi()`:                  only(),
	`vector(1) unless up`:   only(),

	// What is not there has the labels that are asked for by their value.
	`absent(up{job="db", env!="test", zone=~"a|b"})`: only("job"),
	`absent(up)`:                                           only(),
	`absent(up{job=""})`:                                   only(),
	`absent((up{job="db"}))`:                               only("job"),
	`absent(sum(up{job="db"}))`:                            only(),
	`absent_over_time(up{job="db"}[5m])`:                   only("job"),
	`absent_over_time(sum by (job) (up{job="db"})[5m:1m])`: only(),

	// What names a label adds it.
	`label_replace(sum(up), "pod", "$1", "instance", "(.*)")`:           only("pod"),
	`label_replace(up{pod=""}, "pod", "$1", "instance", "(.*)")`:        allBut(),
	`label_join(sum by (a, b) (up), "c", "-", "a", "b")`:                only("a", "b", "c"),
	`sum by (node) (label_replace(up, "node", "$1", "instance", ".*"))`: only("node"),

	// Of two, what both have where it is compared.
	`sum by (a, b) (x) / sum by (a, b) (y)`:                          only("a", "b"),
	`sum by (a, b) (x) / sum by (b, c) (y)`:                          only("b"),
	`sum by (a) (x) / y`:                                             only("a"),
	`x / sum by (a) (y)`:                                             only("a"),
	`x / on (a) y`:                                                   only("a"),
	`x{a=""} / on (a, b) y`:                                          only("b"),
	`x / ignoring (a) y`:                                             allBut("a"),
	`x > on (a) y`:                                                   only("a"),
	`x > bool ignoring (a) sum by (b) (y)`:                           only("b"),
	`x * on (pod) group_left (node) y`:                               allBut(),
	`sum by (pod) (x) * on (pod) group_left (node) y`:                only("pod", "node"),
	`sum by (pod) (x) * on (pod) group_left (node) sum by (pod) (y)`: only("pod"),
	`x * on (pod) group_left sum by (pod) (y)`:                       allBut(),
	`x * on (pod, ns) group_left sum by (pod) (y)`:                   allBut("ns"),
	`x * ignoring (pod) group_left sum by (ns) (y)`:                  only("pod", "ns"),
	`y * on (pod) group_right (node) sum by (pod) (x)`:               only("pod", "node"),
	`x and y`:                                  allBut(),
	`sum by (a) (x) and on (a) y`:              only("a"),
	`x and sum by (a) (y)`:                     only("a"),
	`x and on (b) sum by (a) (y)`:              allBut("b"),
	`x and on () sum(y) > 3`:                   allBut(),
	`sum by (a) (x) or sum by (b) (y)`:         only("a", "b"),
	`sum by (a) (x) or y`:                      allBut(),
	`sum by (a) (x) unless y`:                  only("a"),
	`x unless on (a) sum by (a) (y)`:           allBut(),
	`sum by (a) (x) * 2 > 3`:                   only("a"),
	`sum by (a) (x) + fill (0) sum by (b) (y)`: only("a", "b"),

	// What adds labels that are not written may add any.
	`info(sum by (instance, job) (up))`: allBut(),
	`sum by (a, b) (info(x))`:           only("a", "b"),
}

func TestLabels(t *testing.T) {
	for expr, want := range leaves {
		e, err := reader.ParseExpr(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := labelsOf(e).Without("__name__"); !same(got, want) {
			t.Errorf("%s: %+v, want %+v", expr, got, want)
		}
	}
	if len(leaves) < 40 {
		t.Errorf("only %d expressions", len(leaves))
	}
}

// same tells whether two sets are one, but for the name of a metric, which no
// alert has.
func same(a, b policies.LabelNames) bool {
	names := slices.Concat(a.Names, b.Names)
	return a.Only == b.Only && !slices.ContainsFunc(names, func(n string) bool { return n != "__name__" && a.Has(n) != b.Has(n) })
}

// A function that is new to the parser must be looked at, before it is taken for
// one that leaves the labels of its arguments as they are.
func TestAllFunctionsAreKnown(t *testing.T) {
	known := []string{
		"abs", "absent", "absent_over_time", "acos", "acosh", "asin", "asinh", "atan", "atanh", "avg_over_time", "ceil", "changes", "clamp",
		"clamp_max", "clamp_min", "cos", "cosh", "count_over_time", "day_of_month", "day_of_week", "day_of_year", "days_in_month", "deg", "delta",
		"deriv", "double_exponential_smoothing", "end", "exp", "first_over_time", "floor", "histogram_avg", "histogram_count", "histogram_fraction",
		"histogram_quantile", "histogram_quantiles", "histogram_stddev", "histogram_stdvar", "histogram_sum", "hour", "idelta", "increase", "info",
		"irate", "label_join", "label_replace", "last_over_time", "ln", "log10", "log2", "mad_over_time", "max_of", "max_over_time", "min_of",
		"min_over_time", "minute", "month", "pi", "predict_linear", "present_over_time", "quantile_over_time", "rad", "range", "rate", "resets",
		"round", "scalar", "sgn", "sin", "sinh", "sort", "sort_by_label", "sort_by_label_desc", "sort_desc", "sqrt", "start", "stddev_over_time",
		"stdvar_over_time", "step", "sum_over_time", "tan", "tanh", "time", "timestamp", "ts_of_first_over_time", "ts_of_last_over_time",
		"ts_of_max_over_time", "ts_of_min_over_time", "vector", "year",
	}
	if got := slices.Sorted(maps.Keys(parser.Functions)); !slices.Equal(got, known) {
		t.Errorf("there are the functions\n%q, and known are\n%q", got, known)
	}
}

func TestKnow(t *testing.T) {
	for name, c := range map[string]struct {
		rule policies.AlertRule
		want policies.LabelNames
	}{
		"what the expression leaves":    {policies.AlertRule{Expr: "sum by (job) (up)", Added: only()}, only("job")},
		"and what is added":             {policies.AlertRule{Expr: "sum by (job) (up)", Added: only("cluster")}, only("job", "cluster")},
		"where nobody knows what is":    {policies.AlertRule{Expr: "sum by (job) (up)"}, allBut()},
		"what is taken away":            {policies.AlertRule{Expr: "sum without (pod) (up)", Added: only()}, allBut("pod")},
		"what is taken away and added":  {policies.AlertRule{Expr: "sum without (pod) (up)", Added: only("pod")}, allBut()},
		"what Prometheus does not read": {policies.AlertRule{Expr: "sum by (job) (up", Added: only()}, allBut()},
		"what another dialect may read": {policies.AlertRule{Expr: "rollup_rate(up[5m]) default 0", Added: only()}, allBut()},
		"no alert has a metric's name":  {policies.AlertRule{Expr: "up", Added: only()}, allBut()},
	} {
		Know(&c.rule)
		if got := c.rule.May; !same(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	r := policies.AlertRule{Expr: "up", Added: only()}
	if Know(&r); r.May.Has("__name__") {
		t.Error("an alert has the name of its metric")
	}
}
