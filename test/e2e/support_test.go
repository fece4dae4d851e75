//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/scenarios"
)

// The bed's workloads, by the label that picks their pods.
const (
	database = scenarios.Database
	cache    = scenarios.Cache
	api      = scenarios.API
)

// connect returns the bed and promises the next test a healthy one.
func connect(t *testing.T) *bed.Bed {
	t.Helper()
	b, err := bed.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() { // what it broke may be broken still
			repair(t, b)
		}
		if err := b.AwaitWorkloads(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// repair replaces all pods of the bed's workloads.
func repair(t *testing.T, b *bed.Bed) {
	t.Helper()
	if _, err := b.Kubectl(context.Background(), "", "rollout", "restart", "deployment", "--namespace", bed.Namespace); err != nil {
		t.Error(err)
	}
}

// eventually polls until try returns "", which is what is still missing.
func eventually(t *testing.T, within time.Duration, try func() string) {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for missing := try(); missing != ""; missing = try() {
		if time.Since(began) > within {
			t.Fatalf("after %s: %s", within, missing)
		}
		<-tick.C
	}
	t.Logf("after %s", time.Since(began).Round(10*time.Millisecond))
}

// firing says whether Alertmanager holds an alert that fits the matchers.
func firing(t *testing.T, b *bed.Bed, want bool, matchers ...string) func() string {
	return func() string {
		alerts, err := b.Alerts(t.Context(), matchers...)
		if err != nil {
			return err.Error()
		}
		if (len(alerts) > 0) != want {
			return fmt.Sprintf("Alertmanager holds %d alerts %v", len(alerts), matchers)
		}
		return ""
	}
}

// holds says whether a PromQL expression has a result that is not 0.
func holds(t *testing.T, b *bed.Bed, expr string) func() string {
	return func() string {
		v, err := b.Query(t.Context(), expr)
		if err != nil {
			return err.Error()
		}
		if len(v) == 0 || v[0].Value == 0 {
			return fmt.Sprintf("%s is %v", expr, v)
		}
		return ""
	}
}

func rolloutRestart(t *testing.T, b *bed.Bed, deployment string) {
	t.Helper()
	for _, args := range [][]string{
		{"rollout", "restart", "deployment/" + deployment},
		{"rollout", "status", "deployment/" + deployment, "--timeout=60s"},
	} {
		if _, err := b.Kubectl(t.Context(), "", append(args, "--namespace", bed.Namespace)...); err != nil {
			t.Fatal(err)
		}
	}
}

// only returns the one pod that a selector picks.
func only(t *testing.T, b *bed.Bed, selector string) string {
	t.Helper()
	pods, err := b.Pods(t.Context(), bed.Namespace, selector)
	if err != nil {
		t.Fatal(err)
	}
	if len(pods) != 1 {
		t.Fatalf("%d pods fit %s, want 1", len(pods), selector)
	}
	return pods[0].Name
}

// delivery is what identifies one notification of Alertmanager.
type delivery struct {
	GroupKey, Status, ExternalURL string
}

// receive listens where the bed's Alertmanager notifies, in the daemon's place.
func receive(t *testing.T) <-chan delivery {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:9096")
	if err != nil {
		t.Fatal(err)
	}
	deliveries := make(chan delivery, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var d delivery
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		deliveries <- d
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return deliveries
}
