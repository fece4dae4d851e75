package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/test/doubles"
)

func TestRunServesUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, strings.Fields("--slack.channel=C0DEV0000=dev --slack.token=xoxb-1 --slack.app-token=xapp-1 "+
			"--slack.request-url=http://127.0.0.1:1 --slack.signing-secret=hush --slack.user=U0EVA0000=eva --pagerduty.routing-key=k --pagerduty.webhook-url=http://127.0.0.1:1/ --pagerduty.webhook-secret=s --strict"), w)
	}()
	urls := map[string]string{}
	for lines := bufio.NewScanner(r); len(urls) < 2 && lines.Scan(); {
		name, url, _ := strings.Cut(lines.Text(), " ")
		urls[name] = url
	}
	bot := slackgo.New("xoxb-1", slackgo.OptionAPIURL(urls["slack"]+"/api/"))
	if _, _, err := bot.PostMessage("#dev", slackgo.MsgOptionText("hello", false)); err != nil {
		t.Error(err)
	}
	if eva, err := bot.GetUserInfo("U0EVA0000"); err != nil || eva.Name != "eva" {
		t.Errorf("users.info: %+v, %v", eva, err)
	}
	if pages, err := doubles.NewPagerDutyClient(urls["pagerduty"]).Pages(t.Context()); err != nil || len(pages) != 0 {
		t.Errorf("pages %v, %v", pages, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := bot.AuthTest(); err == nil {
		t.Error("still answered after the stop")
	}
}

func TestRunRefusesFlags(t *testing.T) {
	for _, args := range []string{"--slack.channel=dev", "--slack.user=anna", "--colour", "--slack.listen-address=0.0.0.0:1"} {
		if err := run(t.Context(), []string{args}, io.Discard); err == nil {
			t.Errorf("%s was accepted", args)
		}
	}
}
