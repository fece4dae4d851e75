package slack

import (
	"context"
	"fmt"
	"time"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/remediate"
)

// digestFor is how far back is looked for a digest that may have been posted.
const digestFor = 24 * time.Hour

// digest posts what nobody was told of one by one, as one message.
func (s *Slack) digest(ctx context.Context, started remediate.Started) (string, error) {
	t := tag{digestEvent, map[string]string{"id": started.ID}}
	if started.Again {
		if found, err := s.findHome(ctx, s.options.Channel, time.Now().Add(-digestFor), t); err != nil || found.ts != "" {
			return found.String(), err
		}
	}
	m := message{tag: t}
	m.text, m.blocks = s.digestMessage(started.Tell.Notice)
	posted, err := s.postHome(ctx, s.options.Channel, m)
	return posted.String(), err
}

// digestMessage shows the title and as many lines as there is room for, the
// first ones first.
func (s *Slack) digestMessage(n remediate.Notice) (string, []api.Block) {
	w := s.words(n)
	title := w.Text("digest.title")
	sections, left := pack(w.Lines(), maxSeen, maxPacked)
	blocks := append([]api.Block{api.NewHeaderBlock(plain(title, maxHeader))}, sections...)
	if left > 0 {
		blocks = append(blocks, prose(fmt.Sprintf("%d more are left out: see remedy incident list", left), maxSection))
	}
	return escape(title, maxText), blocks
}
