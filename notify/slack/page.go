package slack

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// maxMentions is of one rung: who mentions more has nobody feel called.
const maxMentions = 50

// mentionable is the form of the IDs of people and of user groups.
var mentionable = regexp.MustCompile(`^[UWS][A-Z0-9]{6,20}$`)

func validateMentions(mentions map[string][]string) error {
	for rung, ids := range mentions {
		if rung == "" || len(ids) == 0 || len(ids) > maxMentions {
			return fmt.Errorf("notify.slack.mentions, rung %q: want the name of a rung, and 1 to %d IDs", rung, maxMentions)
		}
		for _, id := range ids {
			if !mentionable.MatchString(id) {
				return fmt.Errorf("notify.slack.mentions, rung %q: %q is no ID of a person (U..., W...) or a user group (S...)", rung, id)
			}
		}
	}
	return nil
}

// page calls a rung by a message that mentions who it is, and edits that when
// somebody came or it is over. An edit calls nobody, so it mentions nobody.
func (s *Slack) page(ctx context.Context, started remediate.Started, rung string) (string, error) {
	n := started.Tell.Notice
	called, err := parseRef(started.Tell.Ref)
	if err != nil {
		return "", err
	}
	// Several rungs are called about one incident under one key.
	t := tag{pageEvent, map[string]string{"id": n.Key, "rung": rung}}
	switch n.Action {
	case "trigger":
		called, err = s.trigger(ctx, started, rung, t)
		return called.String(), err
	case "acknowledge", "resolve":
		if called.ts == "" {
			return "", nil
		}
		err = s.update(ctx, called, s.pageMessage(n, t, plain(notify.Clean(rung, maxHeader)+": "+outcome(n), maxSection)))
		if lost(err) {
			err = nil // there is nothing left that could mislead
		}
		return called.String(), err
	}
	return "", bug("a page with the action %q came for %s", n.Action, notify.ID(n))
}

// trigger posts a new message even when the rung was called before: what was
// posted then calls nobody any more. When this very call may have been posted
// already, it is looked for.
func (s *Slack) trigger(ctx context.Context, started remediate.Started, rung string, t tag) (ref, error) {
	ids := s.options.Mentions[rung]
	if len(ids) == 0 {
		return ref{}, bug("rung %q is called and has no mentions", rung)
	}
	n := started.Tell.Notice
	if started.Again {
		if found, err := s.findHome(ctx, s.options.Channel, n.Opened, t); err != nil || found.ts != "" {
			return found, err
		}
	}
	var who []string
	for _, id := range ids {
		who = append(who, mention(id))
	}
	return s.postHome(ctx, s.options.Channel, s.pageMessage(n, t, markdown(strings.Join(who, " ")+" "+code(rung, maxHeader)+" is called", maxSection)))
}

// mention calls one person or group. The ID is from the configuration, never
// from an alert.
func mention(id string) string {
	if strings.HasPrefix(id, "S") {
		return "<!subteam^" + id + ">"
	}
	return "<@" + id + ">"
}

// outcome says why nobody need come any more.
func outcome(n remediate.Notice) string {
	if n.Action == "acknowledge" {
		return "acknowledged by " + notify.Clean(n.Acked, maxHeader)
	}
	return "it is over"
}

// pageMessage renders the call, with the first line given.
func (s *Slack) pageMessage(n remediate.Notice, t tag, first *api.TextBlockObject) message {
	w := s.words(n)
	about := mark(n) + " " + w.Text("page")
	text := first.Text + ": " + escape(about, maxText-maxSection-2)
	return message{tag: t, text: text, blocks: fitting(func(z size) []api.Block {
		blocks := []api.Block{api.NewSectionBlock(first, nil, nil), prose(about, z.prose)}
		if story := w.Story(min(z.attempts, 3)); len(story) > 0 {
			blocks = append(blocks, lines("What was tried", story, z))
		}
		if n.Action != "resolve" {
			blocks = append(blocks, s.buttons(n)...)
		}
		return append(blocks, s.next(n, w)...)
	})}
}
