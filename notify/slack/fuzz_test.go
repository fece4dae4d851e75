package slack_test

import (
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/notify/slack"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// FuzzInteraction has Slack sign anything at all. What is handed on has the form
// that all of it must have, since it goes into the journal and back to Slack.
func FuzzInteraction(f *testing.F) {
	f.Add(good)
	f.Add(strings.Replace(good, "anna", "<!channel>\u202e\x00", 1))
	f.Add(strings.Replace(good, "remediated_ack", "remediated_approve", 1))
	f.Add(`{"type":"view_submission"}`)
	f.Add(`[[[[`)
	f.Add("null")
	secret, token := f.TempDir()+"/secret", f.TempDir()+"/token"
	for name, text := range map[string]string{secret: double.DefaultSigningSecret, token: "xoxb-1"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	form := regexp.MustCompile(`^[a-z2-7]{8}-i[0-9]+$`)
	f.Fuzz(func(t *testing.T, payload string) {
		d := &desk{}
		s, err := slack.New(slack.Options{Token: notify.SecretFile(token), Channel: "#ops", SigningSecret: notify.SecretFile(secret), Pressed: d.pressed, APIURL: "http://127.0.0.1:1/"})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.Interactions().ServeHTTP(w, signedBy(double.DefaultSigningSecret, time.Now(), url.Values{"payload": {payload}}.Encode()))
		if w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Errorf("answered %d", w.Code)
		}
		for _, p := range d.taken() {
			if w.Code != 200 || !form.MatchString(p.Key) || p.Incident == 0 || p.At.IsZero() || p.UserName != notify.Clean(p.UserName, 80) || strings.ContainsAny(p.User+p.Channel+p.Plan+p.Policy, "<>&\n ") {
				t.Errorf("answered %d, handed on %+v", w.Code, p)
			}
		}
	})
}
