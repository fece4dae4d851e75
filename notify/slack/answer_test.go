package slack

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/x0tta6bl4/remediated/notify"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// timed notes when the answer began.
type timed struct {
	*httptest.ResponseRecorder
	at time.Time
}

func (t *timed) WriteHeader(status int) {
	t.at = time.Now()
	t.ResponseRecorder.WriteHeader(status)
}

func TestAPressThatTakesTooLongIsEndedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		s := newDirect(t, double.New(double.Options{}), &changes)
		s.options.SigningSecret = notify.SecretFile(filepath.Join(t.TempDir(), "secret"))
		if err := os.WriteFile(string(s.options.SigningSecret), []byte("hush"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.options.Pressed = func(ctx context.Context, _ Press) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		body := url.Values{"payload": {`{"type":"block_actions","user":{"id":"U0ANNA000"},"channel":{"id":"C0OPS0000"},
			"message":{"ts":"1700000000.000001"},"actions":[{"type":"button","action_id":"remediated_ack","value":"q-i1","action_ts":"1700000000.000002"}]}`}}.Encode()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header = double.Sign("hush", time.Now(), []byte(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		begun, w := time.Now(), &timed{ResponseRecorder: httptest.NewRecorder()}
		s.Interactions().ServeHTTP(w, r)
		if took := w.at.Sub(begun); w.Code != http.StatusServiceUnavailable || took != 2500*time.Millisecond {
			t.Errorf("answered %d after %s, want 503 after 2.5s", w.Code, took)
		}
	})
}

func TestSocketsAreOpenedAgainSlowerAndSlower(t *testing.T) {
	other := errors.New("reset")
	for tries, want := range []time.Duration{0, 1, 2, 4, 8, 16, 32, 60, 60, 60} {
		if got := waitFor(other, tries); got != want*time.Second {
			t.Errorf("after %d: %s, want %ds", tries, got, want)
		}
	}
	if got := waitFor(&notify.FinalError{Err: other}, 0); got != time.Minute {
		t.Errorf("what is refused is tried after %s, want a minute", got)
	}
	if got := waitFor(&notify.WaitError{Err: other, Wait: 30 * time.Second}, 0); got != 30*time.Second {
		t.Errorf("tried after %s, want the 30s that Slack asked for", got)
	}
	if got := waitFor(&notify.WaitError{Err: other, Wait: 24 * time.Hour}, 0); got != notify.MaxAsked {
		t.Errorf("tried after %s, want at most %s", got, notify.MaxAsked)
	}
}

func TestSocketsThatEndAtOnceAreNotOpenedInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &pacedClient{next: &http.Client{Transport: direct{double.New(double.Options{})}}, pace: rate.NewLimiter(rate.Every(openEvery), openBurst)}
		begun := time.Now()
		open := func(ctx context.Context) error {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://slack.example/api/apps.connections.open", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.Do(r)
			if err == nil {
				answer.Body.Close()
			}
			return err
		}
		for range 6 {
			if err := open(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("6 sockets were opened in %s, want 30s", took)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := open(ctx); err == nil {
			t.Error("stopped, it was opened all the same")
		}
	})
}
