package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/notify"
	"github.com/x0tta6bl4/remediated/remediate"
)

// Press is one press of a button. Who may press is not asked here: anybody in
// the channel can.
type Press struct {
	User, UserName string // Slack's, of whoever pressed
	Command        string // ack, takeover, approve, deny, pause, explain
	Key            string // of the incident, for example q4m2x7kd-i42
	Incident       uint64
	Plan           string    // approve and deny: hash of the plan that was shown
	Policy         string    // pause
	Channel, TS    string    // of the message with the button
	At             time.Time // when, by Slack's clock
}

// pressWithin leaves half a second of the three in which Slack wants an answer.
const pressWithin = 2500 * time.Millisecond

// replyWithin is how long is tried to show the presser an answer; a stop waits
// for it.
const replyWithin = 5 * time.Second

// blockActions is the one type of interaction that means something here.
const blockActions = "block_actions"

// interaction is what we read of one. What we do not read may change at any
// time, so unknown fields are no mistake.
type interaction struct {
	Type string `json:"type"`
	User struct {
		ID       string `json:"id"`
		UserName string `json:"username"`
		Name     string `json:"name"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Message struct {
		TS string `json:"ts"`
	} `json:"message"`
	Actions []struct {
		Type     string `json:"type"`
		ActionID string `json:"action_id"`
		Value    string `json:"value"`
		ActionTS string `json:"action_ts"`
	} `json:"actions"`
}

// Forms of what Slack names things by.
var (
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)
	stampForm = regexp.MustCompile(`^[0-9]{10}\.[0-9]{6}$`)
)

// errIgnored is for interactions of other types: they are answered, and nothing
// is done.
var errIgnored = errors.New("not a press of a button")

// parsePress reads an interaction's payload. All that will be used must be
// there and have its form.
func parsePress(payload []byte) (Press, error) {
	var in interaction
	if err := json.Unmarshal(payload, &in); err != nil {
		return Press{}, fmt.Errorf("read the interaction: %w", err)
	}
	switch {
	case in.Type == "":
		return Press{}, errors.New("an interaction without a type")
	case in.Type != blockActions:
		return Press{}, errIgnored
	case len(in.Actions) != 1 || in.Actions[0].Type != "button":
		return Press{}, errors.New("want the press of one button")
	}
	p, err := parseButton(in.Actions[0].ActionID, in.Actions[0].Value)
	if err != nil {
		return Press{}, err
	}
	p.User, p.Channel, p.TS = in.User.ID, in.Channel.ID, in.Message.TS
	if !userID.MatchString(p.User) || !channelID.MatchString(p.Channel) || !stampForm.MatchString(p.TS) {
		return Press{}, fmt.Errorf("want a user, a channel and a message; got %.40q, %.40q, %.40q", p.User, p.Channel, p.TS)
	}
	p.UserName = notify.Clean(in.User.UserName, 80)
	if p.UserName == "" {
		p.UserName = notify.Clean(in.User.Name, 80)
	}
	p.At, err = parseStamp(in.Actions[0].ActionTS)
	return p, err
}

// parseStamp reads a time as Slack writes it: seconds, a point, microseconds.
func parseStamp(text string) (time.Time, error) {
	if !stampForm.MatchString(text) {
		return time.Time{}, fmt.Errorf("%.40q is no time of a press", text)
	}
	seconds, fraction, _ := strings.Cut(text, ".")
	sec, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	micro, err := strconv.ParseInt(fraction, 10, 64)
	return time.Unix(sec, micro*1000).UTC(), err
}

// press hands the press on. It returns what is then to be shown to the presser,
// and whether the press was kept: only then may Slack hear that it was.
func (s *Slack) press(ctx context.Context, p Press) (words string, err error) {
	ctx, cancel := context.WithTimeout(ctx, pressWithin)
	defer cancel()
	words, err = s.options.Pressed(ctx, p)
	if err != nil {
		words = "Your press did not go through: it could not be written down in time. Press again, or use " + p.typed() + "."
	}
	return words, err
}

// typed is what to type instead.
func (p Press) typed() string {
	switch p.Command {
	case remediate.Pause:
		return "remedy pause policy/" + p.Policy
	case remediate.Approve:
		return fmt.Sprintf("remedy incident approve i%d --plan %s", p.Incident, p.Plan)
	}
	return fmt.Sprintf("remedy incident %s i%d", p.Command, p.Incident)
}

// whisper shows words to the presser alone, never by the response_url of the
// press, which is an address from outside. It is done without the context's
// end, because the press has been answered by then.
func (s *Slack) whisper(ctx context.Context, p Press, words string) {
	if strings.TrimSpace(words) == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyWithin)
	defer cancel()
	text, blocks := replyTo(p, words)
	err := s.call(ctx, "chat.postEphemeral", p.Channel, func(ctx context.Context, c *api.Client) error {
		_, err := c.PostEphemeralContext(ctx, p.Channel, p.User, api.MsgOptionText(text, false), api.MsgOptionBlocks(blocks...), api.MsgOptionParse(false))
		return err
	})
	if err != nil {
		s.trouble(fmt.Errorf("answer the press of %s on %s: %w", p.Command, p.Key, err))
	}
}

// replyTo renders the answer to a press, line by line.
func replyTo(p Press, words string) (string, []api.Block) {
	all := strings.Split(strings.TrimSpace(words), "\n")
	blocks, left := pack(all, maxSeen, maxPacked)
	if left > 0 {
		blocks = append(blocks, prose(fmt.Sprintf("(%d more lines: see remedy incident explain i%d)", left, p.Incident), maxSection))
	}
	return escape(all[0], maxText), blocks
}

// trouble reports what went wrong with a single press.
func (s *Slack) trouble(err error) {
	if s.options.OnTrouble != nil {
		s.options.OnTrouble(err)
	}
}
