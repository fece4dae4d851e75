package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"

	"github.com/x0tta6bl4/remediated/cmd/internal/httpclient"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/policies/lint"
	"github.com/x0tta6bl4/remediated/policies/promql"
)

// checkAddresses refuses what is no address of a server.
func (j lintJob) checkAddresses() error {
	for _, at := range slices.Concat(j.prometheus, j.alertmanagers) {
		u, err := url.Parse(at)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return usagef("%q is not an address; want for example http://127.0.0.1:9090", at)
		case u.User != nil:
			return usagef("%q has a user in it: name the server in the configuration, with basic_auth beside its url", u.Redacted())
		}
	}
	return nil
}

// unasked says that a server could not be asked.
func unasked(at string, err error) policies.Problem {
	return policies.Problem{
		File: at, Severity: policies.Error, Message: "it cannot be asked: " + err.Error(),
		Hint: "check the address; credentials are those that the configuration has for it",
	}
}

// clientFor returns a client for a server: with the settings that the
// configuration has for this address, if it names it.
func clientFor(c *policies.Config, at string) (*http.Client, error) {
	known := slices.Clone(c.Alertmanagers)
	if c.Prometheus != nil {
		known = append(known, *c.Prometheus)
	}
	settings := config.DefaultHTTPClientConfig
	for _, e := range known {
		if e.URL == strings.TrimSuffix(at, "/") {
			settings = e.HTTP
		}
	}
	return httpclient.New(settings, "remedy")
}

// rulesOf asks a Prometheus for its alerting rules.
func rulesOf(ctx context.Context, loaded *policies.Loaded, at string) ([]policies.AlertRule, error) {
	client, err := clientFor(loaded.Config, at)
	if err != nil {
		return nil, err
	}
	asked, err := api.NewClient(api.Config{Address: at, Client: client})
	if err != nil {
		return nil, err
	}
	prometheus := promv1.NewAPI(asked)
	rules, err := prometheus.Rules(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus for its rules: %w", cause(err))
	}
	configuration, err := prometheus.Config(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus for its configuration: %w", cause(err))
	}
	live, err := lint.LiveRules(rules, configuration.YAML)
	for i := range live {
		promql.Know(&live[i])
	}
	return live, err
}

// configurationOf asks an Alertmanager for its configuration.
func configurationOf(ctx context.Context, loaded *policies.Loaded, at string) (*lint.Alertmanager, error) {
	client, err := clientFor(loaded.Config, at)
	if err != nil {
		return nil, err
	}
	where := strings.TrimSuffix(at, "/") + "/api/v2/status"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, cause(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	var status struct {
		Config struct {
			Original string `json:"original"`
		} `json:"config"`
	}
	if err := json.Unmarshal(b, &status); err != nil {
		return nil, fmt.Errorf("the answer is not Alertmanager's: %w", err)
	}
	if status.Config.Original == "" {
		return nil, errors.New("the answer has no configuration: is it an Alertmanager?")
	}
	return lint.ReadAlertmanager(where, status.Config.Original)
}
