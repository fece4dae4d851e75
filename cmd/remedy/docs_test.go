package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/notify"
)

// documentation are the files whose blocks and commands are held to what there is,
// seen from this folder. What is generated has the tests of its generator.
var documentation = []string{"../../*.md", "../../docs/*.md", "../../deploy/*/README.md"}

// block is a fenced block of a page.
type block struct {
	at   string // file and line
	lang string
	text string
}

func (b block) String() string { return b.at + ": ```" + b.lang }

// Whatever a page shows in a fence is of a known kind, and is read or loaded by what
// it is for. A block that only shows what is printed is a `text`.
func TestEveryBlockOfTheDocumentation(t *testing.T) {
	seen := map[string]int{}
	for _, b := range blocks(t) {
		seen[b.lang]++
		if err := amissIn(t, b); err != nil {
			t.Errorf("%s: %v\n%s", b, err, b.text)
		}
	}
	if seen["yaml"] < 50 || seen[""] < 30 {
		t.Errorf("only these were found: %v", seen)
	}
}

// amissIn says what is wrong with a block, nil when it was read as what it is.
func amissIn(t *testing.T, b block) error {
	t.Helper()
	switch b.lang {
	case "":
		return amissInShell(b.text)
	case "yaml":
		return amissInYAML(t, b.text)
	case "json":
		if !json.Valid([]byte(b.text)) {
			return fmt.Errorf("it is no JSON")
		}
		return nil
	case "gotemplate":
		path := filepath.Join(t.TempDir(), "my.tmpl")
		if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
			return err
		}
		_, err := notify.ParseTemplates(path)
		return err
	case "text": // what is printed; a command would not be seen in it
		if first := strings.Fields(b.text + " ."); slices.Contains(ours, first[0]) || slices.Contains(others, first[0]) {
			return fmt.Errorf("%s is a command: take `text` away", first[0])
		}
		return nil
	case "mermaid":
		return amissInPicture(b.text)
	case "go":
		return amissInGo(b.text)
	case "sql", "bind": // no part of this reads them; test/e2e has their like run by the real parts
		return nil
	}
	return fmt.Errorf("nothing is known of the kind %q: have amissIn read it, or call it `text`", b.lang)
}

// What does not fit is seen: each of these was right but for one word.
func TestABlockThatIsWrongIsSeen(t *testing.T) {
	for _, b := range []block{
		{lang: "", text: "remedy incident lst\n"},
		{lang: "", text: "remedy policy lint --promtheus http://localhost:9090 remediated.yml\n"},
		{lang: "", text: "kubectl get pods | remedy pauze all\n"},
		{lang: "", text: "kubectl apply -f <(remedy policy rbak remediated.yml)\n"},
		{lang: "", text: "source <(remedy completion bsh)\n"},
		{lang: "", text: "make dmeo\n"},
		{lang: "", text: "remediated --config.fle=remediated.yml\n"},
		{lang: "", text: "sudo reboot\n"},
		{lang: "", text: "Records 1 to 2 are as they were written\n"},
		{lang: "yaml", text: "policies:\n  - name: a\n    when: ['alertname=\"A\"']\n    severity: P4\n"},
		{lang: "yaml", text: "steps: [{name: a, do: [{restrat: {}}], verify: {all: [{rollout: $target}], within: 1m}}]\n"},
		{lang: "yaml", text: "watchdog: {when: ['alertname=\"Watchdog\"'], wihtin: 5m}\n"},
		{lang: "yaml", text: "- postgres: {dns_file: /etc/remediated/db.dsn}\n"},
		{lang: "yaml", text: "route: {receiver: nobody}\nreceivers: [{name: people}]\n"},
		{lang: "yaml", text: "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labls: {}}\n"},
		{lang: "yaml", text: "apiVersion: v1\nkind: Namespce\nmetadata: {name: a}\n"},
		{lang: "yaml", text: "scrape_configs: [{job_name: a, static_config: []}]\n"},
		{lang: "yaml", text: "drills: [{name: a, brake: [true]}]\n"},
		{lang: "yaml", text: "something: else\n"},
		{lang: "json", text: "{,}"},
		{lang: "gotemplate", text: "{{ define \"pagerduty.summary\" }}{{ .Nothing }}{{ end }}"},
		{lang: "text", text: "remedy status\n"},
		{lang: "mermaid", text: "flowchrt TD\n"},
		{lang: "go", text: "package main\n\nfunc main() {\n"},
		{lang: "toml", text: "a = 1\n"},
	} {
		if err := amissIn(t, b); err == nil {
			t.Errorf("nothing is found amiss with the %s\n%s", b.lang, b.text)
		}
	}
}

// inline is a command in the middle of a sentence or a table.
var inline = regexp.MustCompile("`(remedy [a-z][^`]*)`")

// Every command that a sentence names is one, with the flags that it names.
func TestEveryCommandInASentence(t *testing.T) {
	seen := 0
	for name, text := range pages(t) {
		if name == "docs/cli.md" {
			continue // written from the commands, with words that stand for what is to be said
		}
		for _, m := range inline.FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
			seen++
			if err := amissInShell(strings.NewReplacer("\\|", "|", "\n", " ").Replace(m[1])); err != nil && !unfinished.MatchString(err.Error()) {
				t.Errorf("%s: `%s`: %v", name, m[1], err)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d commands were found", seen)
	}
}

// unfinished is what kingpin says when a sentence names a command and not all that
// it needs.
var unfinished = regexp.MustCompile(`required (flag|argument)|must select a subcommand|expected argument for flag`)

var fences = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")

func blocks(t *testing.T) (all []block) {
	t.Helper()
	for name, text := range pages(t) {
		for _, m := range fences.FindAllStringSubmatchIndex(text, -1) {
			indent, body := text[m[2]:m[3]], text[m[6]:m[7]]
			all = append(all, block{
				at:   fmt.Sprintf("%s:%d", name, strings.Count(text[:m[0]], "\n")+1),
				lang: text[m[4]:m[5]],
				text: regexp.MustCompile("(?m)^"+indent).ReplaceAllString(body, ""),
			})
		}
		if n := len(regexp.MustCompile("(?m)^ *```").FindAllString(text, -1)); n != 2*len(fences.FindAllString(text, -1)) {
			t.Errorf("%s: not all of its %d fences were understood", name, n)
		}
	}
	return all
}

// pages are the texts of the documentation.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range documentation {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[strings.TrimPrefix(name, "../../")] = string(text)
		}
	}
	return all
}

// parses tells what the command line has against some arguments.
func parses(args []string) error {
	c := &cli{out: &printer{w: io.Discard}, errs: io.Discard}
	app, _ := c.app(settings{output: "text"}, io.Discard, io.Discard)
	_, err := app.Parse(args)
	return err
}
