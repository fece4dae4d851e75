package slack

import (
	"fmt"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/remediate"
)

// bridgeMessage renders what people need to know who come now, and what could
// not be done to get them there.
func (s *Slack) bridgeMessage(n remediate.Notice, undone []string) message {
	w := s.words(n)
	return message{
		tag:  tag{openEvent, map[string]string{"incident": keyOf(n)}},
		text: escape(mark(n)+" "+w.Summary(), maxText),
		blocks: fitting(func(z size) []api.Block {
			blocks := []api.Block{api.NewHeaderBlock(plain(mark(n)+" "+w.Headline(), maxHeader))}
			if says := w.Says(); says != "" {
				blocks = append(blocks, prose("The alert says: "+says, z.prose))
			}
			blocks = append(blocks, details(w, z)...)
			if story := w.Story(z.attempts); len(story) > 0 {
				blocks = append(blocks, lines("What was tried", story, z))
			}
			if len(undone) > 0 {
				blocks = append(blocks, prose("Slack refused "+strings.Join(undone, ", "), z.prose))
			}
			return append(blocks, s.next(n, w)...)
		}),
	}
}

// summary renders how long it took, what helped and what was tried.
func (s *Slack) summary(n remediate.Notice) message {
	w := s.words(n)
	title := mark(n) + " " + w.Headline()
	facts := w.List("bridge.closed")
	return message{
		tag:  tag{closeEvent, map[string]string{"incident": keyOf(n)}},
		text: escape(title, maxText),
		blocks: fitting(func(z size) []api.Block {
			blocks := []api.Block{api.NewHeaderBlock(plain(title, maxHeader))}
			if len(facts) > 0 {
				blocks = append(blocks, lines("", facts, z))
			}
			if story := w.Story(z.attempts); len(story) > 0 {
				blocks = append(blocks, lines(fmt.Sprintf("What was tried, %d in all", len(n.Attempts)), story, z))
			}
			return blocks
		}),
	}
}
