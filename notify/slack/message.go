package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Limits of Block Kit in characters (https://docs.slack.dev/reference/block-kit).
const (
	maxHeader  = 150
	maxSection = 3000
	maxField   = 2000
	maxText    = 4000 // chat.update refuses longer ones
	// maxBlocks is of the JSON of all blocks. Slack does not document it; it
	// refuses messages from about 13,200 on (slackapi/bolt-js issue 2509).
	maxBlocks = 12000
)

// marks are Unicode, not :names:, so that the header can switch names off: a
// policy called ":large_green_circle:" must not look healed.
var marks = map[notify.Tone]string{
	notify.ToneGood:  "🟢",
	notify.ToneBusy:  "🔵",
	notify.ToneWait:  "🟡",
	notify.ToneBad:   "🔴",
	notify.ToneQuiet: "⚪",
}

// words puts a notice into words, as the templates have them.
func (s *Slack) words(n remediate.Notice) *notify.Words {
	link := ""
	if s.options.Page != nil {
		link = s.options.Page(n.Incident)
	}
	return s.options.Templates.Words("slack", n, link)
}

// mark says at one glance how it stands, and whether it is a drill: whatever the
// templates say.
func mark(n remediate.Notice) string {
	switch {
	case n.Drill != "":
		return marks[notify.ToneOf(n)] + " DRILL"
	case n.Live != "":
		return marks[notify.ToneOf(n)] + " LIVE DRILL"
	}
	return marks[notify.ToneOf(n)]
}

// drilled says what a drill is.
const drilled = "This is a drill, %s: nothing is done, and nobody is called."

// live says what a live drill is.
const live = "This is of a live drill, %s: somebody broke it on purpose and is at it. What is done is done in earnest."

// size is how much of each text is shown, for the whole message to be taken.
type size struct{ prose, field, attempts, line int }

// sizes are tried from the first on. Only texts that were made to be too long
// get further than the first.
var sizes = []size{
	{prose: 1000, field: 300, attempts: 8, line: 500},
	{prose: 500, field: 200, attempts: 5, line: 250},
	{prose: 150, field: 80, attempts: 3, line: 120},
}

// rootMessage renders the incident: the line for notifications, and the blocks.
func (s *Slack) rootMessage(n remediate.Notice) (string, []api.Block) {
	w := s.words(n)
	text := escape(mark(n)+" "+w.Summary(), maxText)
	return text, fitting(func(z size) []api.Block {
		blocks := []api.Block{api.NewHeaderBlock(plain(mark(n)+" "+w.Headline(), maxHeader))}
		if n.Drill != "" {
			blocks = append(blocks, prose(fmt.Sprintf(drilled, n.Drill), z.prose))
		}
		if n.Live != "" {
			blocks = append(blocks, prose(fmt.Sprintf(live, n.Live), z.prose))
		}
		if says := w.Says(); says != "" {
			blocks = append(blocks, prose("The alert says: "+says, z.prose))
		}
		if why := w.Why(); why != "" {
			blocks = append(blocks, prose("Why: "+why, z.prose))
		}
		blocks = append(blocks, details(w, z)...)
		if story := w.Story(z.attempts); len(story) > 0 {
			blocks = append(blocks, lines("What was tried", story, z))
		}
		return append(append(blocks, s.buttons(n)...), s.next(n, w)...)
	})
}

// Of a reply's lines, so many go into one section, and so many are shown at
// all. The core sends fewer at a time: what a reply leaves out is told nowhere
// else in the channel.
const (
	linesPerSection = 5
	maxLines        = 25
)

// replyMessage renders a reply: what happened since the last.
func (s *Slack) replyMessage(n remediate.Notice) (string, []api.Block) {
	all := s.words(n).Lines()
	title := notify.ID(n)
	switch {
	case n.Drill != "":
		title = "DRILL " + title
	case n.Live != "":
		title = "LIVE DRILL " + title
	}
	text := escape(title+": "+all[len(all)-1], maxText)
	if left := len(all) - maxLines; left > 0 {
		all = all[left:]
		title += fmt.Sprintf(" (%d earlier: see remedy incident explain %s)", left, notify.ID(n))
	}
	return text, fitting(func(z size) []api.Block {
		var blocks []api.Block
		head := title
		for some := range slices.Chunk(all, linesPerSection) {
			blocks = append(blocks, lines(head, some, z))
			head = ""
		}
		return blocks
	})
}

// fitting renders with the largest size that Slack will take.
func fitting(render func(size) []api.Block) []api.Block {
	var blocks []api.Block
	for _, z := range sizes {
		blocks = render(z)
		b, err := json.Marshal(blocks)
		if err == nil && utf8.RuneCount(b) <= maxBlocks {
			break
		}
	}
	return blocks
}

// details shows the named facts, two to a row.
func details(w *notify.Words, z size) []api.Block {
	var fields []*api.TextBlockObject
	for _, d := range w.Details() {
		fields = append(fields, markdown("*"+d.Name+"*\n"+code(d.Text, z.field), maxField))
	}
	if len(fields) == 0 { // Slack refuses a section of nothing
		return nil
	}
	return []api.Block{api.NewSectionBlock(nil, fields, nil)}
}

// next shows what to type next, and where to look.
func (s *Slack) next(n remediate.Notice, w *notify.Words) []api.Block {
	var commands []string
	for _, c := range w.Next() {
		commands = append(commands, code(c, 200))
	}
	text := strings.Join(commands, "  ")
	if s.options.Page != nil {
		text += "  " + link(s.options.Page(n.Incident), "open "+notify.ID(n))
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return []api.Block{api.NewContextBlock("", markdown(text, maxSection))}
}

func prose(text string, limit int) api.Block {
	return api.NewSectionBlock(plain(text, limit), nil, nil)
}

// lines shows a title, if there is one, and each line, cut so that the last is
// still there.
func lines(title string, ls []string, z size) api.Block {
	var shown []string
	if title != "" {
		shown = append(shown, escape(title, maxHeader))
	}
	each := min(z.line, (maxSection-maxHeader)/max(len(ls), 1)-1)
	for _, l := range ls {
		shown = append(shown, escape(l, each))
	}
	return api.NewSectionBlock(api.NewTextBlockObject(api.PlainTextType, strings.Join(shown, "\n"), false, false), nil, nil)
}

// plain is a text in which Slack formats nothing.
func plain(text string, limit int) *api.TextBlockObject {
	return api.NewTextBlockObject(api.PlainTextType, escape(text, limit), false, false)
}

// markdown is a text of our own making, in which all that comes from outside
// went through code. Verbatim stops Slack from making links and mentions of
// what merely looks like them.
func markdown(text string, limit int) *api.TextBlockObject {
	if utf8.RuneCountInString(text) > limit {
		text = code(text, limit)
	}
	return api.NewTextBlockObject(api.MarkdownType, text, false, true)
}
