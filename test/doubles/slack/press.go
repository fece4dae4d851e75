package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Press is one press of a button: by whom, on which message, and the button's action_id.
type Press struct {
	User    string `json:"user"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Action  string `json:"action"`
}

// Press presses a button, confirms if it asks for that, and returns what Slack would warn the presser of: nothing when
// the app took it in time. It is delivered to the request URL, signed, or without one by a socket, once: Slack does not
// repeat presses. An error means that nobody could have pressed: no such person, message or button.
func (w *Workspace) Press(ctx context.Context, p Press) (warning string, err error) {
	payload, err := w.pressed(p)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, w.options.AckWithin)
	defer cancel()
	if to := w.requestURL(); to != "" {
		return w.deliver(ctx, to, payload), nil
	}
	return w.send(ctx, payload), nil
}

// SetRequestURL says where presses are delivered from now on; empty means by socket.
func (w *Workspace) SetRequestURL(to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.options.RequestURL = to
}

func (w *Workspace) requestURL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.options.RequestURL
}

// pressed is what Slack tells the app of the press.
func (w *Workspace) pressed(p Press) ([]byte, error) {
	c, ok := w.channelByID(p.Channel)
	i := slices.IndexFunc(w.options.Users, func(u User) bool { return u.ID == p.User })
	if !ok || i < 0 || !c.has(p.User) {
		return nil, fmt.Errorf("slack double: no %s in channel %s who could press", p.User, p.Channel)
	}
	u := w.options.Users[i]
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.find(c.ID, p.TS)
	if m == nil {
		return nil, fmt.Errorf("slack double: no message %s in channel %s", p.TS, c.ID)
	}
	action, err := findButton(m.Blocks, p.Action)
	if err != nil {
		return nil, fmt.Errorf("slack double: message %s: %w", p.TS, err)
	}
	action["action_ts"] = w.nextTS()
	return json.Marshal(object{
		"type": "block_actions", "api_app_id": AppID, "token": "deprecated", "is_enterprise_install": false, "enterprise": nil,
		"team":       object{"id": TeamID, "domain": "double"},
		"user":       object{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": TeamID},
		"container":  object{"type": "message", "message_ts": m.TS, "channel_id": c.ID, "is_ephemeral": false},
		"channel":    object{"id": c.ID, "name": c.Name},
		"message":    w.render(m, true),
		"trigger_id": "1.2.trigger", "response_url": "https://hooks.slack.invalid/actions/1/2/3",
		"state": object{"values": object{}}, "actions": []any{action},
	})
}

// findButton returns the button as Slack repeats it in the press of it.
func findButton(blocks json.RawMessage, id string) (object, error) {
	var all []struct {
		ID       string   `json:"block_id"`
		Elements []object `json:"elements"`
	}
	if blocks != nil {
		if err := json.Unmarshal(blocks, &all); err != nil {
			return nil, err
		}
	}
	for i, b := range all {
		for _, e := range b.Elements {
			if e["type"] != "button" || e["action_id"] != id {
				continue
			}
			delete(e, "confirm")
			if e["block_id"] = b.ID; b.ID == "" {
				e["block_id"] = fmt.Sprintf("b%d", i)
			}
			return e, nil
		}
	}
	return nil, fmt.Errorf("no button %q", id)
}

// deliver posts the payload to the app and returns what to warn of.
func (w *Workspace) deliver(ctx context.Context, to string, payload []byte) (warning string) {
	body := []byte(url.Values{"payload": {string(payload)}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header = Sign(w.options.SigningSecret, time.Now(), body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultTransport.RoundTrip(r) // redirections are not followed
	if err != nil {
		return "the app did not answer: " + err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || err != nil {
		return fmt.Sprintf("the app answered %s: %s", answer.Status, bytes.TrimSpace(text))
	}
	return ""
}
