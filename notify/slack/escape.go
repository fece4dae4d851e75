package slack

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/x0tta6bl4/remediated/notify"
)

// entities are for Slack's three control characters; with them escaped there
// is no mention, no channel and no link
// (https://docs.slack.dev/messaging/formatting-message-text).
var entities = map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}

// escape makes text from outside inert and cuts it so that the outcome has at
// most limit characters. It never cuts an entity in two.
func escape(text string, limit int) string {
	text = notify.Clean(text, limit)
	var b strings.Builder
	n, end := 0, 0 // end is where "…" still has room
	for _, r := range text {
		piece, ok := entities[r]
		if !ok {
			piece = string(r)
		}
		if n < limit {
			end = b.Len()
		}
		b.WriteString(piece)
		if n += utf8.RuneCountInString(piece); n > limit {
			return b.String()[:end] + "…"
		}
	}
	return b.String()
}

// code shows text from outside in mrkdwn: nothing is formatted in a code span,
// and no backtick ends it early. An empty text is shown as a dash.
func code(text string, limit int) string {
	text = escape(strings.ReplaceAll(text, "`", "'"), max(limit-2, 1))
	if text == "" {
		text = "–"
	}
	return "`" + text + "`"
}

// link shows a link to an address of our own. What is not plainly http or
// https is shown as no link at all.
func link(address, words string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	target := strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "&", "&amp;").Replace(u.String())
	return "<" + target + "|" + escape(words, 75) + ">"
}
