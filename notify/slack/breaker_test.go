package slack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// direct calls a handler without a network, so that time can be virtual.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func newDirect(t *testing.T, w http.Handler, changes *[]string) *Slack {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(double.DefaultToken), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{
		Token: notify.SecretFile(token), Channel: "#ops", APIURL: "http://slack.example/api/", Pace: time.Nanosecond,
		OnBreaker: func(from, to string) { *changes = append(*changes, from+" > "+to) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{Transport: direct{w}}
	return s
}

func started() remediate.Started {
	n := remediate.Notice{Key: "q-i1", Incident: 1, Policy: "p", Opened: time.Now()}
	return remediate.Started{ID: "q-i1-t1", Tell: &remediate.Tell{Destination: remediate.Slack, Notice: n}}
}

func TestTheBreakerOpensAfterFiveFailuresForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := double.New(double.Options{Now: time.Now})
		if err := w.Faults.Add(fault.Answer("chat.postMessage", 503).Repeat(fault.Forever)); err != nil {
			t.Fatal(err)
		}
		var changes []string
		s := newDirect(t, w, &changes)
		for i := range 7 {
			_, err := s.Tell(t.Context(), started())
			var final *notify.FinalError
			if err == nil || errors.As(err, &final) {
				t.Fatalf("try %d: %v, want an error that may pass", i, err)
			}
			if open := strings.Contains(err.Error(), "failed 5 times in a row"); open != (i >= 5) {
				t.Errorf("try %d: %v", i, err)
			}
		}
		if n := len(w.Faults.Requests()); n != 5 || s.Breaker() != "open" {
			t.Errorf("%d calls reached Slack, breaker %s; want 5, open", n, s.Breaker())
		}
		w.Faults.Reset()
		time.Sleep(61 * time.Second) // virtual
		if _, err := s.Tell(t.Context(), started()); err != nil || s.Breaker() != "closed" {
			t.Errorf("after a minute: %v, breaker %s", err, s.Breaker())
		}
		if want := []string{"closed > open", "open > half-open", "half-open > closed"}; !slices.Equal(changes, want) {
			t.Errorf("changes %q, want %q", changes, want)
		}
	})
}

func TestWhatSlackRefusesDoesNotOpenTheBreaker(t *testing.T) {
	for name, f := range map[string]fault.Fault{
		"429":           double.RateLimited("chat.postMessage", time.Second),
		"not ok":        double.NotOK("chat.postMessage", "channel_not_found"),
		"not ok, limit": double.NotOK("chat.postMessage", "ratelimited"),
		"404":           fault.Answer("chat.postMessage", 404),
	} {
		t.Run(name, func(t *testing.T) {
			w := double.New(double.Options{})
			if err := w.Faults.Add(f.Repeat(20)); err != nil {
				t.Fatal(err)
			}
			var changes []string
			s := newDirect(t, w, &changes)
			for range 20 {
				if _, err := s.Tell(t.Context(), started()); err == nil {
					t.Fatal("it was told")
				}
			}
			if s.Breaker() != "closed" || len(w.Faults.Requests()) != 20 {
				t.Errorf("breaker %s after %d calls", s.Breaker(), len(w.Faults.Requests()))
			}
		})
	}
}

func TestOurOwnStopDoesNotOpenTheBreaker(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var changes []string
	s := newDirect(t, double.New(double.Options{}), &changes)
	for range 20 {
		var final *notify.FinalError
		if _, err := s.Tell(ctx, started()); err == nil || errors.As(err, &final) {
			t.Fatalf("stopped: %v, want an error that may pass", err)
		}
	}
	if s.Breaker() != "closed" {
		t.Errorf("breaker %s; our stop says nothing about Slack", s.Breaker())
	}
}

// TestSlackIsToldNotToMakeLinks looks at arguments that have no effect on the double.
func TestSlackIsToldNotToMakeLinks(t *testing.T) {
	w := double.New(double.Options{})
	var changes []string
	asked := map[string]url.Values{}
	s := newDirect(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked[path.Base(r.URL.Path)], err = url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.ServeHTTP(rw, r)
	}), &changes)
	first := started()
	ref, err := s.Tell(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	first.Tell.Ref = ref
	if _, err := s.Tell(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]map[string]string{
		"chat.postMessage": {"parse": "none", "mrkdwn": "false", "unfurl_links": "false", "unfurl_media": "false", "link_names": ""},
		"chat.update":      {"parse": "none", "link_names": ""},
	} {
		for name, value := range want {
			if got := asked[method].Get(name); asked[method] == nil || got != value {
				t.Errorf("%s: %s=%q, want %q", method, name, got, value)
			}
		}
	}
}
