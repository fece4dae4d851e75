package main

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// watched is a daemon with an operator and a viewer.
func watched(t *testing.T) *inProcess {
	t.Helper()
	return startHere(t, map[string]string{
		"remediated.yml": guardedConfig,
		"olga.token":     "token-of-olga-0123456789", "vera.token": "token-of-vera-0123456789", "slack.token": "xoxb-1", "slack.signing": "s",
		"p.yml":      "policies: [{name: down, when: ['alertname=\"Down\"'], severity: P3}]",
		"kubeconfig": nobodysKubeconfig,
	})
}

// Whoever looks at the page hears of what changes, by whomever, and does not hold
// up the end of the daemon: it would stop with an error.
func TestWhoWatchesThePageHearsOfChanges(t *testing.T) {
	d := watched(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.web+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	bearer("token-of-vera-0123456789")(r)
	stream, err := http.DefaultClient.Do(r)
	if err != nil || stream.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", stream, err)
	}
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	lines.Scan() // it has begun
	if code, body := d.ask(d.web, http.MethodPost, "/api/v1/pause", `{"scope": "all"}`, bearer("token-of-olga-0123456789")); code != http.StatusOK {
		t.Fatalf("a pause: %d %s", code, body)
	}
	for lines.Scan() && lines.Text() != "data: changed" {
	}
	if lines.Text() != "data: changed" {
		t.Errorf("the stream ended with %q: %v", lines.Text(), lines.Err())
	}
	d.stop()
	if _, err := io.Copy(io.Discard, stream.Body); err != nil {
		t.Errorf("the stream did not come to its end: %v", err)
	}
}

func TestThePageSaysWhatIsNotTheirsToPress(t *testing.T) {
	d := watched(t)
	for who, says := range map[string]bool{"vera": true, "olga": false} {
		code, body := d.ask(d.web, http.MethodGet, "/", "", bearer("token-of-"+who+"-0123456789"))
		if code != http.StatusOK || strings.Contains(body, who+" may not pause") != says {
			t.Errorf("%s: %d, and it says that they may not: %t", who, code, !says)
		}
	}
	d.stop()
}
