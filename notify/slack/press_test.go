package slack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/remediate"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// desk takes presses.
type desk struct {
	mu      sync.Mutex
	presses []slack.Press
	trouble []string
	states  chan error // of Listen
	reply   string
	err     error
	hold    chan struct{} // presses wait for it, unless it is nil
	begun   chan struct{} // of each that does
}

func (d *desk) pressed(ctx context.Context, p slack.Press) (string, error) {
	if d.hold != nil {
		d.begun <- struct{}{}
		select {
		case <-d.hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.presses = append(d.presses, p)
	return d.reply, d.err
}

func (d *desk) taken() []slack.Press {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]slack.Press{}, d.presses...)
}

func (d *desk) troubles() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.trouble, "\n")
}

// transports are the ways in which presses come.
var transports = []string{"http", "socket"}

// newDesk is a bench whose buttons can be pressed.
func newDesk(t *testing.T, transport string) (*bench, *desk) {
	t.Helper()
	d := &desk{states: make(chan error, 100), begun: make(chan struct{}, 100)}
	b := newBench(t, func(o *slack.Options) {
		o.Pressed = d.pressed
		o.OnListen = func(err error) { d.states <- err }
		o.OnTrouble = func(err error) { d.mu.Lock(); d.trouble = append(d.trouble, err.Error()); d.mu.Unlock() }
		if transport == "http" {
			o.SigningSecret = tokenFile(t, double.DefaultSigningSecret)
		} else {
			o.AppToken = tokenFile(t, double.DefaultAppToken)
		}
	})
	if transport == "http" {
		server := httptest.NewServer(b.slack.Interactions())
		t.Cleanup(server.Close)
		b.workspace.SetRequestURL(server.URL)
		return b, d
	}
	b.listen()
	b.sockets(1)
	return b, d
}

// listen opens a socket until the test ends.
func (b *bench) listen() {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.slack.Listen(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Errorf("Listen: %v", err)
		}
	})
}

// sockets waits until so many are open, the last opened after the earlier ones.
func (b *bench) sockets(n int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	all, err := b.workspace.AwaitSockets(ctx, func(all []double.Socket) bool { return len(all) == n })
	if err != nil {
		b.Fatalf("%d sockets: %v", len(all), err)
	}
}

// post shows an incident and returns a press of one of its buttons.
func (b *bench) post(n remediate.Notice, command string) double.Press {
	b.Helper()
	ref := b.perform(rootTell("q-i42-t1", "", n), remediate.OK).Ref
	channel, ts, _ := strings.Cut(ref, "/")
	return double.Press{User: "U0ANNA000", Channel: channel, TS: ts, Action: "remediated_" + command}
}

// press presses and checks whether Slack warns of it.
func (b *bench) press(p double.Press, warning string) {
	b.Helper()
	ctx := b.Context()
	if warning == "in time" { // nobody need wait the three seconds for that
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		ctx = short
	}
	got, err := b.workspace.Press(ctx, p)
	if err != nil || (warning == "") != (got == "") || !strings.Contains(got, warning) {
		b.Fatalf("pressed %s: warned of %q, %v; want %q", p.Action, got, err, warning)
	}
}

// whispered waits until the presser has seen the text.
func (b *bench) whispered(text string) double.Ephemeral {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	all, err := b.workspace.AwaitEphemerals(ctx, func(all []double.Ephemeral) bool {
		return len(all) > 0 && strings.Contains(string(all[len(all)-1].Blocks), text)
	})
	if err != nil {
		b.Fatalf("shown %+v, want %q: %v", all, text, err)
	}
	return all[len(all)-1]
}

func waiting(n *remediate.Notice) { n.Status, n.Plan = remediate.StatusApproval, "a1610bcd8bd0" }

func TestEveryButtonIsHandedOn(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			b, d := newDesk(t, transport)
			for i, command := range []string{"ack", "takeover", "approve", "deny", "pause", "explain"} {
				d.reply = fmt.Sprintf("heard %d <!channel>\nand kept", i)
				p := b.post(notice(waiting), command)
				b.press(p, "")
				want := slack.Press{User: "U0ANNA000", UserName: "anna", Command: command, Key: "q4m2x7kd-i42", Incident: 42, Channel: p.Channel, TS: p.TS}
				switch command {
				case "approve", "deny":
					want.Plan = "a1610bcd8bd0"
				case "pause":
					want.Policy = "postgres-down"
				}
				got := d.taken()[i]
				if age := time.Since(got.At); age < 0 || age > time.Minute {
					t.Errorf("%s: pressed %s ago", command, age)
				}
				if got.At = (time.Time{}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				seen := b.whispered(fmt.Sprintf(`heard %d \u0026lt;!channel\u0026gt;\nand kept`, i))
				if seen.User != "U0ANNA000" || seen.Channel != p.Channel {
					t.Errorf("shown %+v", seen)
				}
				inert(t, seen.Content)
			}
			if d.troubles() != "" {
				t.Error(d.troubles())
			}
		})
	}
}

func TestAPressWithoutWordsIsAnsweredWithNone(t *testing.T) {
	for _, transport := range transports {
		b, d := newDesk(t, transport)
		b.press(b.post(notice(nil), "ack"), "")
		b.press(b.post(notice(nil), "ack"), "")
		if got := b.workspace.Ephemerals(); len(got) != 0 || len(d.taken()) != 2 {
			t.Errorf("%s: shown %+v, %d presses", transport, got, len(d.taken()))
		}
	}
}

func TestAPressThatIsNotKeptIsSeenNotToBe(t *testing.T) {
	for transport, warning := range map[string]string{"http": "503", "socket": "in time"} {
		t.Run(transport, func(t *testing.T) {
			b, d := newDesk(t, transport)
			d.err = errors.New("the journal's disk is full")
			b.press(b.post(notice(waiting), "approve"), warning)
			seen := b.whispered("did not go through")
			if !strings.Contains(string(seen.Blocks), "remedy incident approve i42 --plan a1610bcd8bd0") || strings.Contains(string(seen.Blocks), "disk") {
				t.Errorf("shown %s", seen.Blocks)
			}
		})
	}
}

func TestSlackIsAnsweredBeforeThePresser(t *testing.T) {
	b, d := newDesk(t, "http")
	d.reply = "heard"
	b.faults(fault.Delay("chat.postEphemeral", 500*time.Millisecond))
	begun := time.Now()
	p := b.post(notice(nil), "ack")
	b.press(p, "")
	b.press(p, "") // a connection that is still busy must not hold this one up
	if took := time.Since(begun); took > 400*time.Millisecond {
		t.Errorf("Slack was answered after %s", took)
	}
	b.whispered("heard")
}

func TestAnAnswerThatCannotBeShownIsReported(t *testing.T) {
	for _, transport := range transports {
		b, d := newDesk(t, transport)
		d.reply = "heard"
		b.faults(double.NotOK("chat.postEphemeral", "user_not_in_channel"))
		b.press(b.post(notice(nil), "ack"), "")
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(d.troubles(), "user_not_in_channel"); {
			if time.Now().After(deadline) {
				t.Fatalf("%s: reported %q", transport, d.troubles())
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func TestALongAnswerIsCut(t *testing.T) {
	b, d := newDesk(t, "http")
	d.reply = strings.Repeat(strings.Repeat("&<x> ", 200)+"\n", 300)
	b.press(b.post(notice(nil), "explain"), "")
	inert(t, b.whispered("more lines: see remedy incident explain i42").Content)
}

const good = `{"type":"block_actions","user":{"id":"U0ANNA000","username":"anna"},"channel":{"id":"C0OPS0000"},
	"message":{"ts":"1700000000.000001"},"actions":[{"type":"button","action_id":"remediated_ack","value":"q4m2x7kd-i42","action_ts":"1700000000.000002"}]}`

// request is one to the request URL, as Slack would send it.
func request(payload string) *http.Request {
	return signedBy(double.DefaultSigningSecret, time.Now(), url.Values{"payload": {payload}}.Encode())
}

func signedBy(secret string, at time.Time, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header = double.Sign(secret, at, []byte(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestRequestsThatAreNotPressesAreRefused(t *testing.T) {
	form := url.Values{"payload": {good}}.Encode()
	with := func(old, new string) *http.Request { return request(strings.Replace(good, old, new, 1)) }
	changed := func(change func(*http.Request)) *http.Request { r := request(good); change(r); return r }
	for name, c := range map[string]struct {
		request *http.Request
		want    int
	}{
		"good":                       {request(good), 200},
		"almost too old":             {signedBy(double.DefaultSigningSecret, time.Now().Add(-4*time.Minute), form), 200},
		"too old":                    {signedBy(double.DefaultSigningSecret, time.Now().Add(-301*time.Second), form), 401},
		"ahead":                      {signedBy(double.DefaultSigningSecret, time.Now().Add(302*time.Second), form), 401},
		"another secret":             {signedBy("wrong", time.Now(), form), 401},
		"an empty secret":            {signedBy("", time.Now(), form), 401},
		"no signature":               {changed(func(r *http.Request) { r.Header.Del("X-Slack-Signature") }), 401},
		"half a signature":           {changed(func(r *http.Request) { r.Header.Set("X-Slack-Signature", "v0=") }), 401},
		"another version":            {changed(func(r *http.Request) { r.Header.Set("X-Slack-Signature", "v1"+r.Header.Get("X-Slack-Signature")[2:]) }), 401},
		"no time":                    {changed(func(r *http.Request) { r.Header.Del("X-Slack-Request-Timestamp") }), 401},
		"another time":               {changed(func(r *http.Request) { r.Header.Set("X-Slack-Request-Timestamp", fmt.Sprint(time.Now().Unix()+1)) }), 401},
		"no number for a time":       {changed(func(r *http.Request) { r.Header.Set("X-Slack-Request-Timestamp", "soon") }), 401},
		"another body":               {changed(func(r *http.Request) { r.Body = http.NoBody }), 401},
		"GET":                        {changed(func(r *http.Request) { r.Method = http.MethodGet }), 405},
		"oversized":                  {signedBy(double.DefaultSigningSecret, time.Now(), strings.Repeat("x", 1<<20+1)), 413},
		"no form":                    {changed(func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }), 400},
		"a broken form":              {signedBy(double.DefaultSigningSecret, time.Now(), "payload=%zz"), 400},
		"no payload":                 {signedBy(double.DefaultSigningSecret, time.Now(), "x=y"), 400},
		"two payloads":               {signedBy(double.DefaultSigningSecret, time.Now(), form+"&"+form), 400},
		"no JSON":                    {request("x"), 400},
		"more than JSON":             {request(good + "x"), 400},
		"no type":                    {request("{}"), 400},
		"another interaction":        {request(`{"type":"view_submission"}`), 200},
		"no action":                  {request(`{"type":"block_actions","actions":[]}`), 400},
		"two actions":                {with(`"actions":[`, `"actions":[{"type":"button"},`), 400},
		"no button":                  {with(`"type":"button"`, `"type":"static_select"`), 400},
		"a button of another app":    {with("remediated_ack", "other_ack"), 400},
		"a command that is none":     {with("remediated_ack", "remediated_resume"), 400},
		"a value of another shape":   {with("q4m2x7kd-i42", "q4m2x7kd-i42 and more"), 400},
		"nobody":                     {with("U0ANNA000", ""), 400},
		"a user that is none":        {with("U0ANNA000", "<!here>"), 400},
		"a channel that is none":     {with("C0OPS0000", "#ops"), 400},
		"a message that is none":     {with("1700000000.000001", "1"), 400},
		"a time of press that is no": {with("1700000000.000002", "now"), 400},
	} {
		t.Run(name, func(t *testing.T) {
			b, d := newDesk(t, "http")
			w := httptest.NewRecorder()
			b.slack.Interactions().ServeHTTP(w, c.request)
			if w.Code != c.want {
				t.Errorf("answered %d %q, want %d", w.Code, w.Body, c.want)
			}
			taken := name == "good" || name == "almost too old"
			if len(d.taken()) > 0 != taken {
				t.Errorf("handed on: %+v", d.taken())
			}
			if (c.want != 200) != (d.troubles() != "") {
				t.Errorf("reported %q", d.troubles())
			}
			if strings.Contains(w.Body.String()+d.troubles(), double.DefaultSigningSecret) {
				t.Error("the secret is shown")
			}
		})
	}
}

func TestWithoutASecretNothingIsTaken(t *testing.T) {
	for name, change := range map[string]func(*slack.Options){
		"none configured": func(o *slack.Options) { o.SigningSecret = "" },
		"no file":         func(o *slack.Options) { o.SigningSecret += ".none" },
		"an empty file":   func(o *slack.Options) { os.WriteFile(string(o.SigningSecret), []byte("\n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			b, d := newDesk(t, "http")
			change(&b.options)
			b.restart()
			for _, secret := range []string{double.DefaultSigningSecret, "", "\n"} {
				w := httptest.NewRecorder()
				b.slack.Interactions().ServeHTTP(w, signedBy(secret, time.Now(), url.Values{"payload": {good}}.Encode()))
				if w.Code != http.StatusServiceUnavailable || len(d.taken()) != 0 {
					t.Errorf("signed with %q: answered %d, handed on %+v", secret, w.Code, d.taken())
				}
			}
			if !strings.Contains(d.troubles(), "signing_secret_file") {
				t.Errorf("reported %q", d.troubles())
			}
		})
	}
}

func TestARotatedSecretNeedsNoRestart(t *testing.T) {
	b, d := newDesk(t, "http")
	if err := os.WriteFile(string(b.options.SigningSecret), []byte("next"), 0o600); err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]int{"next": 200, double.DefaultSigningSecret: 401} {
		w := httptest.NewRecorder()
		b.slack.Interactions().ServeHTTP(w, signedBy(secret, time.Now(), url.Values{"payload": {good}}.Encode()))
		if w.Code != want {
			t.Errorf("signed with %q: answered %d, want %d", secret, w.Code, want)
		}
	}
	if len(d.taken()) != 1 {
		t.Errorf("handed on %+v", d.taken())
	}
}

func TestAPressThatComesTwiceIsTheSamePress(t *testing.T) {
	b, d := newDesk(t, "http")
	form := url.Values{"payload": {good}}.Encode()
	for n := range 2 {
		b.slack.Interactions().ServeHTTP(httptest.NewRecorder(), signedBy(double.DefaultSigningSecret, time.Now().Add(time.Duration(n)*time.Second), form))
	}
	if got := d.taken(); len(got) != 2 || got[0] != got[1] {
		t.Errorf("handed on %+v, want the same twice", got)
	}
}

// A request that was overheard is of no use: it is taken once, whatever is
// changed about how its signature is written, and after a restart not at all.
func TestReplaysAreNotTaken(t *testing.T) {
	b, d := newDesk(t, "http")
	send := func(r *http.Request) int {
		w := httptest.NewRecorder()
		b.slack.Interactions().ServeHTTP(w, r)
		return w.Code
	}
	at, form := time.Now().Add(-time.Minute), url.Values{"payload": {good}}.Encode()
	overheard := func() *http.Request { return signedBy(double.DefaultSigningSecret, at, form) }
	d.err = errors.New("the disk is full")
	if code := send(overheard()); code != http.StatusServiceUnavailable {
		t.Fatalf("what cannot be kept: %d", code)
	}
	d.err = nil
	upper := overheard()
	upper.Header.Set("X-Slack-Signature", "v0="+strings.ToUpper(upper.Header.Get("X-Slack-Signature")[3:]))
	for n, r := range []*http.Request{overheard(), overheard(), upper} {
		if code := send(r); code != http.StatusOK {
			t.Errorf("time %d: %d", n, code)
		}
	}
	if got := d.taken(); len(got) != 2 { // once in vain, and once
		t.Errorf("handed on %+v", got)
	}
	b.options.Begun = at.Add(time.Second)
	b.restart()
	if code := send(overheard()); code != http.StatusUnauthorized || len(d.taken()) != 2 {
		t.Errorf("after a restart: %d, handed on %+v", code, d.taken())
	}
	if code := send(request(good)); code != http.StatusOK || len(d.taken()) != 3 {
		t.Errorf("what was pressed since: %d, handed on %+v", code, d.taken())
	}
}
