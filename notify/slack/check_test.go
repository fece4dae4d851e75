package slack_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/notify/slack"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		token, channel string
		channels       []double.Channel
		want           string // a part of what is said; "" is nothing
	}{
		"all is well":              {double.DefaultToken, "#ops", nil, ""},
		"by its ID":                {double.DefaultToken, double.DefaultChannel.ID, nil, ""},
		"a token that was revoked": {"xoxb-of-old", "#ops", nil, "invalid_auth"},
		"no such channel":          {double.DefaultToken, "#nowhere", nil, `no channel "#nowhere"`},
		"an ID of none":            {double.DefaultToken, "C0NOWHERE0", nil, "channel_not_found"},
		"archived":                 {double.DefaultToken, "C0OLD0000", []double.Channel{{ID: "C0OLD0000", Name: "old", Archived: true}}, "archived"},
		"drills: all is well":      {double.DefaultToken, "#ops", nil, ""},
		"drills: no such channel":  {double.DefaultToken, "#nowhere", nil, `no channel "#nowhere" that the app can see: correct notify.slack.drills`},
		"drills: not invited":      {double.DefaultToken, "C0OUT0000", []double.Channel{{ID: "C0OUT0000", Name: "out", NotMember: true}, double.DefaultChannel}, "not in the channel C0OUT0000"},
		"not invited":              {double.DefaultToken, "C0OUT0000", []double.Channel{{ID: "C0OUT0000", Name: "out", NotMember: true}}, "not in the channel"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(double.New(double.Options{Strict: true, Channels: c.channels}))
			defer server.Close()
			o := slack.Options{Token: tokenFile(t, c.token), Channel: c.channel, APIURL: server.URL + "/api/"}
			if strings.HasPrefix(name, "drills: ") {
				o.Channel, o.Drills = "#ops", c.channel
			}
			s, err := slack.New(o)
			if err != nil {
				t.Fatal(err)
			}
			findings, err := s.Check(t.Context())
			if err != nil {
				findings = append(findings, err.Error())
			}
			if got := strings.Join(findings, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}
