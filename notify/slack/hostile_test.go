package slack_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/x0tta6bl4/remediated/notify/slack"
	"github.com/x0tta6bl4/remediated/remediate"
	double "github.com/x0tta6bl4/remediated/test/doubles/slack"
)

// hostile are texts that would be more than text if they could.
var hostile = []string{
	"<!channel>", "<!here|here>", "<@U0ANNA000>", "<#C0OPS0000>", "<!subteam^S1>", "<http://evil.example|grafana.internal>",
	"<mailto:a@b.c|x>", "&lt;!channel&gt;", "`code` ```block``` *bold* _it_ ~no~ > quote", "\u202egnp.exe\u2066", "\x00\x1b[31m",
	"a\n*Status*\n`healed`", ":large_green_circle:", "@channel @everyone http://evil.example", strings.Repeat("<&>`\"\\\u202e", 20_000),
	strings.Repeat("x", 100_000), strings.Repeat("数", 50_000), "\xff\xfe", "",
}

// filled puts text everywhere where text from outside can get to.
func filled(text string) remediate.Notice {
	n := notice(func(n *remediate.Notice) {
		n.Policy, n.Alert, n.Summary, n.Why, n.Rung, n.Acked, n.Plan, n.Impact = text, text, text, text, text, text, text, text
		n.Severity, n.Status = remediate.Severity(text), remediate.Status(text)
		n.Target = remediate.Target{Cluster: text, Kind: text, Namespace: text, Name: text}
		n.Labels = remediate.LabelsOf(map[string]string{"alertname": text, text: text})
		n.Healed, n.Closed = time.Now(), time.Now()
		for range 30 {
			n.Attempts = append(n.Attempts, remediate.Attempt{ID: text, Step: text, Act: text, Result: text, Verify: text, OK: true})
			n.Lines = append(n.Lines, remediate.Line{At: time.Now(), Text: text})
		}
	})
	return n
}

const page = "https://remediated.example/?a=1&amp;b=2"

func TestHostileTextStaysText(t *testing.T) {
	for _, text := range hostile {
		b := newBench(t, nil)
		ref := b.perform(rootTell("q-i42-t1", "", filled(text)), remediate.OK).Ref
		s := rootTell("q-i42-t2", ref, filled(text))
		b.perform(s, remediate.OK) // chat.update has other limits
		s.Tell.Destination = remediate.SlackThread
		b.perform(s, remediate.OK)
		for _, m := range b.workspace.Messages() {
			for _, c := range append(m.Earlier, m.Content) {
				inert(t, c)
			}
		}
	}
}

// called is how a page of the rung in the tests below begins.
const called = "<@U0BERT000> <!subteam^S0DBTEAM0> "

// newTarget is a bench on which everything is switched on.
func newTarget(t *testing.T) *bench {
	return newBench(t, func(o *slack.Options) {
		o.Mentions = map[string][]string{"oncall": {"U0BERT000", "S0DBTEAM0"}}
		o.Bridge = &slack.Bridge{}
		o.AppToken, o.Pressed = "f", (&desk{}).pressed
	})
}

func TestHostileTextCallsNobody(t *testing.T) {
	for _, text := range hostile {
		for _, change := range []func(*remediate.Notice){
			func(*remediate.Notice) {},
			// Buttons are shown beside what is hostile, and there must be room for them.
			func(n *remediate.Notice) {
				n.Status, n.Plan, n.Policy, n.Acked = remediate.StatusApproval, strings.Repeat("a", 64), strings.Repeat("p", 63), ""
			},
		} {
			b, n := newTarget(t), filled(text)
			change(&n)
			tell := func(destination, action, ref string) string {
				s := rootTell("q-i42-t1", ref, n)
				s.Tell.Destination, s.Tell.Notice.Action = destination, action
				return b.perform(s, remediate.OK).Ref
			}
			tell(remediate.Slack, "show", "")
			page := tell(remediate.SlackPage+"oncall", "trigger", "")
			tell(remediate.SlackPage+"oncall", "acknowledge", page)
			tell(remediate.SlackPage+"oncall", "resolve", page)
			bridge := tell(remediate.SlackBridge, "open", "")
			tell(remediate.SlackBridge, "close", bridge)
			tell(remediate.SlackDigest, "show", "")
			for _, m := range b.workspace.Messages() {
				for _, c := range append(m.Earlier, m.Content) {
					inert(t, c)
				}
			}
			if topic := b.own().Topic; strings.ContainsAny(topic, "<>\n") {
				t.Errorf("topic %q", topic)
			}
		}
	}
}

func TestAnyTextStaysText(t *testing.T) {
	b := newBench(t, nil)
	piece := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String(), rapid.SampledFrom([]string{"<", ">", "&", "|", "!", "@", "`", "amp;"}))
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(rt, "text"), "")
		b.workspace.Reset()
		r := b.teller.Perform(t.Context(), rootTell("q-i42-t1", "", filled(text)))
		if r.Outcome != remediate.OK {
			rt.Fatalf("%s: %s", r.Outcome, r.Text)
		}
		inert(rt, b.workspace.Messages()[0].Content)
	})
}

// inert fails when anything that is shown could be more than text.
func inert(t interface{ Errorf(string, ...any) }, c double.Content) {
	var blocks any
	if err := json.Unmarshal(c.Blocks, &blocks); err != nil {
		t.Errorf("blocks: %v", err)
	}
	texts := []string{c.Text}
	walk(blocks, func(o map[string]any) {
		text, ok := o["text"].(string)
		if !ok {
			return
		}
		texts = append(texts, text)
		if o["type"] == "mrkdwn" {
			if o["verbatim"] != true {
				t.Errorf("Slack may find links and mentions by itself in %.80q", text)
			}
			formatted(t, text)
		}
	})
	for _, text := range texts {
		rest := strings.TrimPrefix(strings.ReplaceAll(text, "<"+page+"|open i42>", ""), called)
		if strings.ContainsAny(rest, "<>") {
			t.Errorf("control characters are left in %.200q", rest)
		}
		checkEntities(t, rest)
		for _, r := range text {
			if unicode.In(r, unicode.Cc, unicode.Cf) && r != '\n' {
				t.Errorf("%U is left in %.80q", r, text)
			}
		}
	}
	if n := utf8.RuneCountInString(string(c.Blocks)); n > 12_000 || utf8.RuneCountInString(c.Text) > 4000 {
		t.Errorf("blocks of %d characters, text of %d", n, utf8.RuneCountInString(c.Text))
	}
}

// checkEntities fails when an ampersand begins anything but one of the three entities.
func checkEntities(t interface{ Errorf(string, ...any) }, text string) {
	for i, after := range strings.Split(text, "&") {
		if i > 0 && !strings.HasPrefix(after, "amp;") && !strings.HasPrefix(after, "lt;") && !strings.HasPrefix(after, "gt;") {
			t.Errorf("an ampersand that begins no entity, before %.40q", after)
		}
	}
}

// formatted fails when text outside of code spans is not of our own making:
// a bold title, or the link to our page.
func formatted(t interface{ Errorf(string, ...any) }, text string) {
	text, pages := strings.CutPrefix(text, called)
	pieces := strings.Split(text, "`")
	if len(pieces)%2 == 0 {
		t.Errorf("a code span is not closed in %.80q", text)
	}
	for i := 0; i < len(pieces); i += 2 {
		switch p := strings.TrimSpace(pieces[i]); p {
		case "", "*Status*", "*Policy*", "*Target*", "*Alert*", "*Since*", "*Objective*", "*Healed*", "*Closed*", "*Paged*", "*Plan*", "*Impact*", "<" + page + "|open i42>":
		default:
			if pages && p == "is called" {
				continue
			}
			t.Errorf("%.80q is formatted", p)
		}
	}
}

func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			walk(e, visit)
		}
	case map[string]any:
		visit(v)
		for _, e := range v {
			walk(e, visit)
		}
	}
}

func TestOnlyWebAddressesBecomeLinks(t *testing.T) {
	for _, address := range []string{"", "javascript:alert(1)", "/relative", "http://%zz", "ftp://host/x"} {
		b := newBench(t, func(o *slack.Options) { o.Page = func(uint64) string { return address } })
		b.perform(rootTell("q-i42-t1", "", notice(nil)), remediate.OK)
		if m := b.workspace.Messages()[0]; strings.Contains(string(m.Blocks), "\\u003c") || strings.Contains(string(m.Blocks), "<") {
			t.Errorf("%q became a link: %s", address, m.Blocks)
		}
	}
}
