package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var update = flag.Bool("update", false, "rewrite docs/metrics.md and docs/flags.md")

// docs/metrics.md and docs/flags.md are written from what there is: run with -update
// after changing a metric or a flag.
func TestReferencePages(t *testing.T) {
	t.Setenv("COLUMNS", "120")
	for page, want := range map[string][]byte{"../../docs/metrics.md": metricsPage(t), "../../docs/flags.md": flagsPage(t)} {
		if *update {
			if err := os.WriteFile(page, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(page); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what there is (%v): go test ./cmd/remediated -run TestReferencePages -update", page, err)
		}
	}
}

// metric is what the page says of one.
type metric struct {
	name, kind string
	labels     []string
	help       string
}

func metricsPage(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`# Metrics

Written from the daemon's own registry. They are at ` + "`/metrics`" + ` of the web listener (port 9095), to be scraped as the job ` + "`remediated`" + `.
` + "`deploy/prometheus`" + ` has alert rules over them ([what to do about each](runbooks.md)), ` + "`deploy/grafana`" + ` a dashboard. The usual ` + "`go_`" + `, ` + "`process_`" + ` and
` + "`remediated_build_info`" + ` are there besides. A label is never the name of an object in your cluster, so their number stays small.

| metric | type | labels | what it is |
|---|---|---|---|
`)
	all := metrics(t)
	for _, m := range all {
		labels := ""
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, labels, strings.ReplaceAll(m.help, "|", `\|`))
	}
	if len(all) < 30 {
		t.Errorf("only %d metrics were found", len(all))
	}
	return b.Bytes()
}

// saidOf reads what a Desc says of itself only as text: name, help and labels.
var saidOf = regexp.MustCompile(`^Desc\{fqName: "(remediated_\w+)", help: "(.*?)"(?:, unit: "\w*")?, constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}\}`)

// metrics are all of ours, by name.
func metrics(t *testing.T) (all []metric) {
	t.Helper()
	w := newWatcher(slog.New(slog.DiscardHandler))
	w.waiting(func() time.Duration { return 0 })
	w.remedies.count("db on deployment/shop/db", time.Now().Add(time.Hour))
	kinds := gathered(t, w)
	w.registry.MustRegister(newJournalMetrics(nil))
	for _, m := range described(w.registry) {
		name, help, labels := m[1], m[2], strings.FieldsFunc(m[4], func(r rune) bool { return r == ',' })
		kind := cmp.Or(kinds[name], kindOf(w.registry, name, help, labels))
		if kind == "" && strings.HasPrefix(name, "remediated_journal_") {
			kind = "gauge" // all that journalMetrics collects
		}
		if kind == "" || help == "" {
			t.Errorf("%s: its type is %q and its help %q", name, kind, help)
		}
		all = append(all, metric{name, kind, labels, help})
	}
	return all
}

// described are the parts of what the registry's own metrics say of themselves.
func described(r *prometheus.Registry) (all [][]string) {
	descs := make(chan *prometheus.Desc)
	go func() { r.Describe(descs); close(descs) }()
	for d := range descs {
		if m := saidOf.FindStringSubmatch(d.String()); m != nil && m[1] != "remediated_build_info" {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b []string) int { return strings.Compare(a[1], b[1]) })
	return all
}

// gathered are the types of all metrics that have a value from the beginning.
func gathered(t *testing.T, w *watcher) map[string]string {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, f := range families {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	return kinds
}

// kindOf is the type of a metric that has no value yet: the registry hands out the
// collector that stands in the way of another one of the same name.
func kindOf(r *prometheus.Registry, name, help string, labels []string) string {
	var there prometheus.AlreadyRegisteredError
	if !errors.As(r.Register(prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)), &there) {
		return ""
	}
	switch there.ExistingCollector.(type) {
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.GaugeVec:
		return "gauge"
	case *prometheus.HistogramVec:
		return "histogram"
	}
	return ""
}

// flagsPage shows what the daemon says of its flags.
func flagsPage(t *testing.T) []byte {
	t.Helper()
	var help bytes.Buffer
	if _, err := parse([]string{"--help"}, &help); !errors.Is(err, errHelp) {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, `# The daemon's flags

What `+"`remediated --help`"+` says. What belongs to an installation rather than to a process stands in the configuration file:
[each key of it](policy-reference.md#configuration).

`+"```text\n%s\n```\n", strings.TrimSpace(help.String()))
}
