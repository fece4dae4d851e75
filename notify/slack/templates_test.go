package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// worded is a Slack with everything that is shown, in the words of the files.
func worded(t *testing.T, files ...string) *Slack {
	t.Helper()
	ts, err := notify.ParseTemplates(files...)
	if err != nil {
		t.Fatal(err)
	}
	ts.OnError = func(name string, err error) { t.Errorf("%s: %v", name, err) }
	return &Slack{options: Options{
		AppToken: "f", Pressed: func(context.Context, Press) (string, error) { return "", nil },
		Page: func(uint64) string { return "https://remediated.example/i42" }, Templates: ts,
	}}
}

// write writes templates to a file.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "my.tmpl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// messages are the messages of each destination about a notice.
func messages(s *Slack, n remediate.Notice) map[string]message {
	all := map[string]message{
		"bridge":        s.bridgeMessage(n, nil),
		"bridge-closed": s.summary(n),
		"page":          s.pageMessage(n, tag{}, markdown(mention("U0ANNA000")+" "+code("oncall", maxHeader)+" is called", maxSection)),
	}
	add := func(name string, text string, blocks []api.Block) { all[name] = message{text: text, blocks: blocks} }
	text, blocks := s.rootMessage(n)
	add("incident", text, blocks)
	text, blocks = s.digestMessage(n)
	add("digest", text, blocks)
	if len(n.Lines) > 0 {
		text, blocks = s.replyMessage(n)
		add("thread", text, blocks)
	}
	return all
}

// TestMessagesOfEveryStatus shows what is read in each destination of an
// incident at each point of its life. How it is laid out is in layout_test.go.
func TestMessagesOfEveryStatus(t *testing.T) {
	s := worded(t)
	for _, sample := range notify.Samples() {
		if sample.Name == "long" {
			continue // it is nothing to be read
		}
		for destination, m := range messages(s, sample.Notice) {
			name := filepath.Join(destination, strings.ReplaceAll(sample.Name, " ", "-"))
			t.Run(name, func(t *testing.T) { compare(t, filepath.Join("testdata", name+".golden"), read(t, m)) })
		}
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test -update", err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// read is a message without what only Slack reads.
func read(t *testing.T, m message) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "text     %s\n", m.text)
	for _, block := range m.blocks {
		for _, text := range textsOf(t, block) {
			fmt.Fprintf(&b, "%-8s %s\n", block.BlockType(), strings.ReplaceAll(text, "\n", "\n         "))
		}
	}
	return b.String()
}

// textsOf returns all texts of a block, in order.
func textsOf(t *testing.T, block api.Block) (all []string) {
	t.Helper()
	switch b := block.(type) {
	case *api.HeaderBlock:
		return []string{b.Text.Text}
	case *api.SectionBlock:
		if b.Text != nil {
			all = append(all, b.Text.Text)
		}
		for _, f := range b.Fields {
			all = append(all, f.Text)
		}
		return all
	case *api.ContextBlock:
		for _, e := range b.ContextElements.Elements {
			all = append(all, e.(*api.TextBlockObject).Text)
		}
		return all
	case *api.ActionBlock:
		for _, e := range b.Elements.ElementSet {
			all = append(all, e.(*api.ButtonBlockElement).Text.Text)
		}
		return all
	}
	t.Fatalf("a block of type %s", block.BlockType())
	return nil
}

// TestNoTemplateMakesWhatSlackRefusesOrFollows words everything in the worst
// way: with mentions, links, formats and ends of lines, as long as it may be.
func TestNoTemplateMakesWhatSlackRefusesOrFollows(t *testing.T) {
	const worst = `{{ range 40 }}<!channel> <@U0ANNA000> <http://evil.example|x> *b* _i_ {{ "` + "`" + `" }} &lt;!here&gt; " \ {{ urlUnescape "%0A%E2%80%AE" }}{{ end }}`
	var all strings.Builder
	for _, name := range []string{"headline", "summary", "says", "why", "attempt", "line", "next", "page", "digest.title", "bridge.topic", "bridge.closed"} {
		fmt.Fprintf(&all, "{{ define %q }}%s{{ end }}\n", "slack."+name, worst)
	}
	all.WriteString(`{{ define "slack.details" }}{{ range 20 }}*_<!here>` + "`" + strings.Repeat("name", 20) + `_*: <!channel> <http://evil.example|x> " \ &lt; {{ printf "%2000d" 1 }}&&&{{ "\n" }}{{ end }}{{ end }}`)
	file := write(t, all.String())
	s := worded(t, file)
	for _, sample := range notify.Samples() {
		for destination, m := range messages(s, sample.Notice) {
			tame(t, sample.Name+", "+destination, m)
		}
	}
}

// ours is what may stand in a message besides plain text.
var ours = regexp.MustCompile("^<@U0ANNA000> `oncall` is called|<https://remediated.example/i42\\|open i\\d+>")

func tame(t *testing.T, what string, m message) {
	t.Helper()
	b, err := json.Marshal(m.blocks)
	if err != nil || utf8.RuneCount(b) > maxBlocks || utf8.RuneCountInString(m.text) > maxText {
		t.Errorf("%s: blocks of %d characters, a text of %d, %v", what, utf8.RuneCount(b), utf8.RuneCountInString(m.text), err)
	}
	all := []string{m.text}
	for _, block := range m.blocks {
		texts := textsOf(t, block)
		if len(texts) == 0 {
			t.Errorf("%s: a block of nothing, which Slack refuses", what)
		}
		all = append(all, texts...)
	}
	for _, text := range all {
		if text == "" || strings.ContainsAny(ours.ReplaceAllString(text, ""), "<>") {
			t.Errorf("%s: %.200q", what, text)
		}
	}
}

func TestATemplateMayLeaveOutWhatIsNotNeeded(t *testing.T) {
	var text string
	for _, name := range []string{"says", "why", "details", "attempt", "next", "slack.bridge.closed"} {
		text += fmt.Sprintf("{{ define %q }}{{ end }}", name)
	}
	file := write(t, text)
	s := worded(t, file)
	s.options.Page = nil
	for _, sample := range notify.Samples() {
		for destination, m := range messages(s, sample.Notice) {
			tame(t, sample.Name+", "+destination, m)
		}
	}
	text, blocks := s.rootMessage(denied())
	if len(blocks) != 2 || !strings.Contains(text, "breaker") {
		t.Errorf("%q, %d blocks; want the header and the buttons", text, len(blocks))
	}
}

func TestATemplateOfSlackIsShown(t *testing.T) {
	text := `{{ define "slack.headline" }}{{ .ID }}: {{ .Alert }}{{ end }}{{ define "slack.page" }}come: {{ .Link }}{{ end }}`
	file := write(t, text)
	s := worded(t, file)
	all := messages(s, denied())
	if got := textsOf(t, all["incident"].blocks[0])[0]; got != "🔴 i42: PostgresDown" {
		t.Errorf("the header is %q", got)
	}
	if got := all["page"].text; !strings.HasSuffix(got, "🔴 come: https://remediated.example/i42") {
		t.Errorf("the page is %q", got)
	}
}
