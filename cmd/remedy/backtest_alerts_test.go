package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/policies/replay"
)

// series is one that a Prometheus has: the seconds between which it is there.
type series struct {
	labels map[string]string
	there  [][2]time.Duration // since the beginning of 2024
}

// prometheusDouble answers as a Prometheus that has some series, whatever is
// asked, and refuses what a Prometheus refuses. It counts what it was asked for.
type prometheusDouble struct {
	all           []series
	warning       string
	configuration string // "": it does not say
	asked         []string
}

var newYear = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func (p *prometheusDouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := map[string]any{"status": "success"}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/api/v1/status/config" && p.configuration != "":
		answer["data"] = map[string]string{"yaml": p.configuration}
	case r.URL.Path != "/api/v1/query_range":
		http.NotFound(w, r)
		return
	default:
		start, end, step := seconds(r.FormValue("start")), seconds(r.FormValue("end")), seconds(r.FormValue("step"))
		p.asked = append(p.asked, fmt.Sprintf("%s %s +%s", r.FormValue("query"), newYear.Add(start).Format(time.DateTime), end-start))
		if (end-start)/step > 11_000 {
			w.WriteHeader(http.StatusBadRequest)
			answer = map[string]any{"status": "error", "errorType": "bad_data", "error": "exceeded maximum resolution of 11,000 points per timeseries"}
			break
		}
		answer["data"] = map[string]any{"resultType": "matrix", "result": p.rangeOf(start, end, step)}
		if p.warning != "" {
			answer["warnings"] = []string{p.warning}
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// seconds is a number of a request, as a time since the beginning of 2024 or as a
// span when it is small.
func seconds(text string) time.Duration {
	n, _ := strconv.ParseFloat(text, 64)
	if n > 1e9 {
		n -= float64(newYear.Unix())
	}
	return time.Duration(n * float64(time.Second))
}

func (p *prometheusDouble) rangeOf(start, end, step time.Duration) []map[string]any {
	result := []map[string]any{}
	for _, s := range p.all {
		var values [][]any
		for at := start; at <= end; at += step {
			for _, span := range s.there {
				if at >= span[0] && at < span[1] {
					values = append(values, []any{newYear.Add(at).Unix(), "1"})
				}
			}
		}
		if len(values) > 0 {
			result = append(result, map[string]any{"metric": s.labels, "values": values})
		}
	}
	return result
}

func firingOf(there [][2]time.Duration, pairs ...string) series {
	s := series{labels: map[string]string{"__name__": "ALERTS", "alertstate": "firing"}, there: there}
	for k := 0; k < len(pairs); k += 2 {
		s.labels[pairs[k]] = pairs[k+1]
	}
	return s
}

// remembered is a Prometheus that remembers days on which a database failed again
// and again: first with a rule that was not evaluated once in between, at last as
// two replicas of its Prometheus saw it.
func remembered() *prometheusDouble {
	const h, m = time.Hour, time.Minute
	at := func(spans ...time.Duration) (there [][2]time.Duration) {
		for k := 0; k < len(spans); k += 2 {
			there = append(there, [2]time.Duration{spans[k], spans[k+1]})
		}
		return there
	}
	return &prometheusDouble{
		configuration: "global:\n  external_labels: {region: eu}\n",
		all: []series{
			firingOf(at(0, 240*h), "alertname", "Watchdog"),
			firingOf(at(8*h, 8*h+20*m, 8*h+21*m, 8*h+40*m, 8*h+45*m, 8*h+50*m, 8*h+52*m, 8*h+56*m, 9*h+10*m, 9*h+15*m), "alertname", "PostgresDown", "job", "database"),
			firingOf(at(190*h, 190*h+10*m), "alertname", "PostgresDown", "job", "database", "replica", "a"),
			firingOf(at(190*h+2*m, 190*h+12*m), "alertname", "PostgresDown", "job", "database", "replica", "b"),
			firingOf(at(20*h, 21*h), "alertname", "DiskFull", "node", "n\x1b[31m1"),
		},
	}
}

// TestBacktestOfAlerts lives through what a Prometheus remembers of a time before
// anybody was there.
func TestBacktestOfAlerts(t *testing.T) {
	live := []string{"mode: observe", "mode: act"}
	days := []string{"--from", "2024-01-01", "--to", "2024-01-10"}
	partly, silent := remembered(), remembered()
	partly.warning = "some stores could not be \x1b[31masked"
	silent.configuration = ""
	for _, c := range []struct {
		name  string
		world *prometheusDouble
		args  []string
		file  string
	}{
		{"alerts", remembered(), days, candidate(t, live...)},
		{"alerts as a page", remembered(), append(days, "--format", "html"), candidate(t, live...)},
		{"alerts as Markdown", remembered(), append(days, "--format", "markdown"), candidate(t, live...)},
		{"alerts of a region", partly, days, candidate(t, append(live, `'job="database"'`, `'region="eu"'`)...)},
		{"alerts that nobody observes", silent, []string{"--since", "2d", "--to", "2024-01-02T08:30:00Z", "--step", "30s"}, candidate(t)},
		{"alerts of no policy", remembered(), []string{"--from", "2024-01-01T19:00:00Z", "--to", "2024-01-02"}, candidate(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.world)
			defer server.Close()
			out, errs, code := remedied(t, append([]string{"policy", "backtest", "--prometheus", server.URL, c.file}, c.args...)...)
			if code != exitOK || errs != "" {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			golden(t, c.name, out)
		})
	}
}

// No query asks for more points than a Prometheus gives, and none is asked twice.
func TestBacktestOfAlertsAsksInParts(t *testing.T) {
	world := remembered()
	server := httptest.NewServer(world)
	defer server.Close()
	if _, errs, code := remedied(t, "policy", "backtest", "--prometheus", server.URL, candidate(t), "--from", "2024-01-01", "--to", "2024-01-15", "--step", "1m"); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	want := []string{
		`ALERTS{alertstate="firing"} 2024-01-01 00:00:00 +166h39m0s`,
		`ALERTS{alertstate="firing"} 2024-01-07 22:40:00 +166h39m0s`,
		`ALERTS{alertstate="firing"} 2024-01-14 21:20:00 +2h40m0s`,
	}
	if strings.Join(world.asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("it asked for\n%s", strings.Join(world.asked, "\n"))
	}
}

func TestBacktestOfAlertsAsJSON(t *testing.T) {
	server := httptest.NewServer(remembered())
	defer server.Close()
	out, errs, code := remedied(t, "-o", "json", "policy", "backtest", "--prometheus", server.URL, "--from", "2024-01-01", "--to", "2024-01-10", candidate(t))
	var found replay.Comparison
	if err := json.Unmarshal([]byte(out), &found); code != exitOK || err != nil {
		t.Fatalf("exit code %d, %v: %s", code, err, errs)
	}
	if !found.AlertsOnly || len(found.Pairs) != 5 || found.Pairs[0].Result != replay.WouldBe || found.Pairs[0].Was != nil || found.Would.Unknown != 5 || found.Pairs[0].Would.Gone.Sub(found.Pairs[0].Would.Opened) != 40*time.Minute {
		t.Errorf("got %s", out)
	}
}

func TestBacktestOfAlertsRefuses(t *testing.T) {
	good := candidate(t)
	server := httptest.NewServer(remembered())
	defer server.Close()
	none := httptest.NewServer(&prometheusDouble{})
	defer none.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"--prometheus " + none.URL, exitFailed, `has no ALERTS{alertstate="firing"} from 20`},
		{"--prometheus " + none.URL, exitFailed, "want the one that evaluates the alerting rules"},
		{"--prometheus " + other.URL, exitFailed, "ask Prometheus at " + other.URL},
		{"--prometheus http://127.0.0.1:1", exitFailed, "connection refused"},
		{"--prometheus " + server.URL + " --storage.path x", exitUsage, "--prometheus excludes --storage.path and --export"},
		{"--prometheus " + server.URL + " --export x", exitUsage, "--prometheus excludes --storage.path and --export"},
		{"--storage.path x --export y", exitUsage, "--storage.path and --export exclude each other"},
		{"--storage.path x --from 2024-01-01", exitUsage, "--from goes with --prometheus"},
		{"--export x --to 2024-01-01", exitUsage, "--to goes with --prometheus"},
		{"--export x --step 5m", exitUsage, "--step goes with --prometheus"},
		{"--prometheus " + server.URL + " --since 3d --from 2024-01-01", exitUsage, "--from and --since exclude each other"},
		{"--prometheus " + server.URL + " --since 0s", exitUsage, "say from when on"},
		{"--prometheus " + server.URL + " --from yesterday", exitUsage, "write for example 2026-11-01"},
		{"--prometheus " + server.URL + " --from 2024-01-02 --to 2024-01-01", exitUsage, "there is not even one --step"},
		{"--prometheus " + server.URL + " --step 10ms", exitUsage, "want 1s or more"},
		{"--prometheus ftp://x", exitUsage, "is not an address"},
		{"--prometheus http://anna:secret@x", exitUsage, "has a user in it"},
	} {
		out, errs, code := remedied(t, append([]string{"policy", "backtest", good}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(errs, c.says) || strings.Contains(out+errs, "secret") {
			t.Errorf("%s: exit code %d\n%s%s", c.args, code, out, errs)
		}
	}
}
