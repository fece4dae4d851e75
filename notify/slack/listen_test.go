package slack_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify/slack"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// state waits for what Listen reports, and checks that it says so.
func (d *desk) state(t *testing.T, want string) {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		select {
		case err := <-d.states:
			if (err == nil && want == "") || (err != nil && want != "" && strings.Contains(err.Error(), want)) {
				return
			}
			t.Logf("passed by: %v", err)
		case <-deadline:
			t.Fatalf("Listen did not report %q", want)
		}
	}
}

func TestSocketsAreOpenedAnew(t *testing.T) {
	for name, end := range map[string]func(*double.Workspace){
		"refreshed": func(w *double.Workspace) { w.Refresh("refresh_requested") },
		"warned":    func(w *double.Workspace) { w.Refresh("warning") },
		"cut":       (*double.Workspace).Cut,
	} {
		t.Run(name, func(t *testing.T) {
			b, d := newDesk(t, "socket")
			p := b.post(notice(nil), "ack")
			b.press(p, "")
			end(b.workspace)
			b.sockets(1)
			b.press(p, "")
			if got := len(d.taken()); got != 2 {
				t.Errorf("%d presses were handed on", got)
			}
		})
	}
}

func TestASocketThatEndsInTheMiddleOfAPressLeavesItUnacknowledged(t *testing.T) {
	b, d := newDesk(t, "socket")
	d.hold = make(chan struct{})
	p := b.post(notice(nil), "ack")
	pressed := make(chan string, 1)
	go func() {
		warning, err := b.workspace.Press(t.Context(), p)
		if err != nil {
			t.Error(err)
		}
		pressed <- warning
	}()
	<-d.begun
	b.workspace.Cut()
	if warning := <-pressed; warning == "" {
		t.Error("Slack took it for acknowledged")
	}
	close(d.hold)
	b.sockets(1)
	b.press(p, "")
	if got := len(d.taken()); got != 2 {
		t.Errorf("%d presses were kept, want both: the end of a socket is no reason to drop one", got)
	}
}

func TestAnyOfTwoSocketsWillDo(t *testing.T) {
	b, d := newDesk(t, "socket")
	b.listen()
	b.sockets(2)
	p := b.post(notice(nil), "ack")
	for range 4 {
		b.press(p, "")
	}
	if got := len(d.taken()); got != 4 {
		t.Errorf("%d presses were handed on, want 4", got)
	}
}

func TestARefusedAppTokenIsReported(t *testing.T) {
	for code, want := range map[string]string{
		"token_revoked": "notify.slack.app_token_file", "invalid_auth": "notify.slack.app_token_file",
		"not_allowed_token_type": "xapp-", "missing_scope": "connections:write",
	} {
		t.Run(code, func(t *testing.T) {
			b, d := newDesk(t, "http")
			b.options.AppToken = tokenFile(t, double.DefaultAppToken)
			b.restart()
			b.faults(double.NotOK("apps.connections.open", code).Repeat(fault.Forever))
			b.listen()
			d.state(t, want)
		})
	}
}

func TestSlackIsTriedUntilASocketStands(t *testing.T) {
	b, d := newDesk(t, "http")
	b.options.AppToken = tokenFile(t, double.DefaultAppToken)
	b.restart()
	b.faults(fault.Answer("apps.connections.open", 503), fault.Drop("/link/"))
	b.listen()
	d.state(t, "apps.connections.open")
	d.state(t, "")
	b.sockets(1)
}

func TestAMissingAppTokenFileIsTriedAgain(t *testing.T) {
	b, d := newDesk(t, "http")
	b.options.AppToken = tokenFile(t, double.DefaultAppToken) + ".none"
	b.restart()
	b.listen()
	d.state(t, "app_token_file")
	if err := os.WriteFile(string(b.options.AppToken), []byte(double.DefaultAppToken), 0o600); err != nil {
		t.Fatal(err)
	}
	d.state(t, "")
}

func TestListenWithoutATokenIsRefused(t *testing.T) {
	b, _ := newDesk(t, "http")
	if err := b.slack.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "app_token_file") {
		t.Errorf("got %v", err)
	}
}

func TestReceivingWithoutAnybodyToTakeIsRefused(t *testing.T) {
	for _, o := range []slack.Options{{SigningSecret: "f"}, {AppToken: "f"}} {
		o.Token, o.Channel = "f", "#c"
		if _, err := slack.New(o); err == nil {
			t.Error("nobody takes presses, and it was accepted")
		}
	}
}
