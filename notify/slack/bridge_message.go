package slack

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// bridgeMessage renders what people need to know who come now, and what could
// not be done to get them there.
func (s *Slack) bridgeMessage(n remediate.Notice, undone []string) message {
	return message{
		tag:  tag{openEvent, map[string]string{"incident": keyOf(n)}},
		text: escape(mark(n)+" "+notify.Summary(n), maxText),
		blocks: fitting(func(z size) []api.Block {
			blocks := []api.Block{api.NewHeaderBlock(plain(mark(n)+" "+notify.Headline(n), maxHeader))}
			if says := notify.Says(n); says != "" {
				blocks = append(blocks, prose("The alert says: "+says, z.prose))
			}
			blocks = append(blocks, details(n, z))
			if story := notify.Story(n, z.attempts); len(story) > 0 {
				blocks = append(blocks, lines("What was tried", story, z))
			}
			if len(undone) > 0 {
				blocks = append(blocks, prose("Slack refused "+strings.Join(undone, ", "), z.prose))
			}
			return append(blocks, s.next(n))
		}),
	}
}

// summary renders how long it took, what helped and what was tried.
func summary(n remediate.Notice) message {
	title := mark(n) + " " + notify.Headline(n)
	facts := []string{"It took " + took(n), helped(n)}
	return message{
		tag:  tag{closeEvent, map[string]string{"incident": keyOf(n)}},
		text: escape(title, maxText),
		blocks: fitting(func(z size) []api.Block {
			blocks := []api.Block{api.NewHeaderBlock(plain(title, maxHeader)), lines("", facts, z)}
			if story := notify.Story(n, z.attempts); len(story) > 0 {
				blocks = append(blocks, lines(fmt.Sprintf("What was tried, %d in all", len(n.Attempts)), story, z))
			}
			return blocks
		}),
	}
}

// took says how long the incident was open, and how soon it was well.
func took(n remediate.Notice) string {
	end := n.Closed
	if end.IsZero() {
		end = n.Healed
	}
	if end.Before(n.Opened) {
		return "nobody knows how long"
	}
	text := model.Duration(end.Sub(n.Opened).Round(time.Second)).String()
	for _, d := range notify.Details(n) {
		if d.Name == "Healed" {
			text += ", well " + d.Text
		}
	}
	return text
}

// helped names the attempt after which it was well.
func helped(n remediate.Notice) string {
	for _, a := range slices.Backward(n.Attempts) {
		if a.OK {
			return "What helped: " + notify.Clean(a.Step, maxHeader) + ": " + notify.Clean(a.Act, maxHeader)
		}
	}
	return "Nothing that was tried is known to have helped"
}
