package bed

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/prometheus/common/model"
)

const prometheusAddress = "127.0.0.1:9090"

//go:embed config/prometheus.yml.tmpl
var prometheusConfig string

//go:embed config/rules.yml
var ownRules []byte

// startPrometheus starts Prometheus, which looks and judges once a second.
func (b *Bed) startPrometheus(ctx context.Context) error {
	rules, err := b.rules()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.targets(), 0o755); err != nil {
		return err
	}
	discovery, err := b.startDiscovery()
	if err != nil {
		return fmt.Errorf("serve where the pods are: %w", err)
	}
	config := filepath.Join(b.Dir, "prometheus.yml")
	err = render(config, prometheusConfig, map[string]any{
		"Namespace":           Namespace,
		"Rules":               rules,
		"AlertmanagerTargets": b.alertmanagerTargets(),
		"PostgresExporter":    postgresExporterAddress,
		"RedisExporter":       redisExporterAddress,
		"KubeStateMetrics":    kubeStateMetricsAddress,
		"NodeExporter":        nodeExporterAddress,
		"Pushgateway":         pushgatewayAddress,
		"AddedTargets":        filepath.Join(b.targets(), "*.json"),
		"Discovery":           discovery,
		"PodJobs":             []string{"api", "mesh"},
	})
	if err != nil {
		return err
	}
	return b.start(ctx, part{
		name: "prometheus",
		command: []string{"prometheus",
			"--config.file=" + config,
			"--storage.tsdb.path=" + filepath.Join(b.Dir, "prometheus"),
			"--web.listen-address=" + prometheusAddress,
			"--web.enable-lifecycle",
			"--rules.alert.resend-delay=1s",
		},
		ready: ready(b.Prometheus + "/-/ready"),
	})
}

// rules are the rule files as absolute paths, for Prometheus reads them relative
// to its configuration.
func (b *Bed) rules() ([]string, error) {
	if b.options.Rules == nil {
		own := filepath.Join(b.Dir, "rules.yml")
		return []string{own}, os.WriteFile(own, ownRules, 0o644)
	}
	absolute := make([]string, len(b.options.Rules))
	for i, path := range b.options.Rules {
		var err error
		if absolute[i], err = filepath.Abs(path); err != nil {
			return nil, err
		}
		if _, err := os.Stat(absolute[i]); err != nil {
			return nil, fmt.Errorf("rule file: %w", err)
		}
	}
	return absolute, nil
}

// Query evaluates a PromQL expression now. Its value must be an instant vector.
func (b *Bed) Query(ctx context.Context, expr string) (model.Vector, error) {
	var answer struct {
		Error string
		Data  struct{ Result model.Vector }
	}
	if err := getJSON(ctx, b.Prometheus+"/api/v1/query?query="+url.QueryEscape(expr), &answer); err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	return answer.Data.Result, nil
}

// AwaitQuery waits for a minute at most until a PromQL expression has a result.
func (b *Bed) AwaitQuery(ctx context.Context, expr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return poll(ctx, func(ctx context.Context) error {
		found, err := b.Query(ctx, expr)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%s has no result", expr)
		}
		return err
	})
}

// getJSON reads the JSON at a URL into into.
func getJSON(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// render writes a template's text to a file.
func render(path, text string, data any) error {
	t, err := template.New(filepath.Base(path)).Option("missingkey=error").Parse(text)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.Execute(f, data); err != nil {
		return err
	}
	return f.Close()
}
