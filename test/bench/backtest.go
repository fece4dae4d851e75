package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The year that is lived through once more.
const (
	year        = 365 * 24 * time.Hour
	yearsAlerts = 365 * 1000
)

// measureBacktest measures how long `remedy policy backtest` takes for a year with
// 1,000 alerts a day, one of 14 of which opened an incident and was acted on, under
// policies that would only have observed; and for a tenth of it.
func measureBacktest(ctx context.Context, o options) ([]row, error) {
	remedy, err := built(o.remedy, "the command line", "--remedy")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "backtest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	candidate := filepath.Join(dir, "candidate.yml")
	if err := os.WriteFile(candidate, []byte(candidateConfig), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "policies.yml"), []byte(strings.ReplaceAll(startPolicies, "mode: act", "mode: observe")), 0o600); err != nil {
		return nil, err
	}
	c := contest{"backtest", "from start to end", "alerts/s", nil}
	for _, part := range []uint64{10, 1} {
		journal := filepath.Join(dir, fmt.Sprint(part))
		alerts, err := fillAlerts(ctx, journal, yearsAlerts/part, year/time.Duration(part))
		if err != nil {
			return nil, err
		}
		c.contestants = append(c.contestants, contestant{fmt.Sprintf("%d alerts", alerts), func(ctx context.Context) (sample, error) {
			took, err := timed(ctx, dir, "would be  P3 down; 0s observe", nil, remedy, "policy", "backtest", "--storage.path="+journal, "--since=2y", candidate)
			return sample{value: float64(alerts) / took.Seconds(), p50: took, size: float64(alerts)}, err
		}})
	}
	return inOrder(ctx, o.rounds, c)
}

// fillAlerts fills a journal in dir with about so many alerts of so much time, and
// returns how many they are.
func fillAlerts(ctx context.Context, dir string, alerts uint64, lasts time.Duration) (uint64, error) {
	book, err := rulebook()
	if err != nil {
		return 0, err
	}
	const alertsOf, factsOf = 1 + edgesBeside/2, 14 + edgesBeside // of an incident, and beside it
	facts := alerts / alertsOf * factsOf
	alerts, err = fill(ctx, dir, facts, lasts, book, "bench")
	if err != nil {
		return 0, fmt.Errorf("fill a journal with %d facts: %w", facts, err)
	}
	return alerts, nil
}

const candidateConfig = `cluster: bench
policies: [{files: [policies.yml]}]
alertmanagers: [{url: "http://127.0.0.1:9093"}]
clusters: [{name: bench}]
guards: {storm: none}
`
