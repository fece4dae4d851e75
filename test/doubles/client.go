package doubles

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	"github.com/x0tta6bl4/remediated/test/doubles/pagerduty"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
	"github.com/x0tta6bl4/remediated/test/doubles/steer"
)

// Client steers and reads one double from another process. Its methods return an error when the double cannot be
// reached or refuses, and may be called from any goroutine.
type Client struct{ base string }

// SlackClient steers and reads the double of Slack.
type SlackClient struct{ Client }

// PagerDutyClient steers and reads the double of PagerDuty.
type PagerDutyClient struct{ Client }

// NewSlackClient is a client for the double of Slack at a base URL such as "http://127.0.0.1:9201".
func NewSlackClient(baseURL string) *SlackClient { return &SlackClient{newClient(baseURL)} }

// NewPagerDutyClient is a client for the double of PagerDuty at a base URL.
func NewPagerDutyClient(baseURL string) *PagerDutyClient { return &PagerDutyClient{newClient(baseURL)} }

func newClient(baseURL string) Client { return Client{strings.TrimSuffix(baseURL, "/") + steer.Prefix} }

// AddFaults appends faults to the double's script; if one is not valid, none is added.
func (c Client) AddFaults(ctx context.Context, faults ...fault.Fault) error {
	body, err := json.Marshal(faults)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPost, "faults", body)
	return err
}

// PendingFaults is the faults still to come.
func (c Client) PendingFaults(ctx context.Context) ([]fault.Fault, error) {
	v, err := look[fault.Fault](ctx, c, "faults")
	return v.Items, err
}

// Requests is every request that the double has received, steering not included, whatever became of it.
func (c Client) Requests(ctx context.Context) ([]fault.Request, error) {
	v, err := look[fault.Request](ctx, c, "requests")
	return v.Items, err
}

// AwaitRequests returns the requests once until holds for them, or with an error, that of the context for one, what
// there was by then.
func (c Client) AwaitRequests(ctx context.Context, until func([]fault.Request) bool) ([]fault.Request, error) {
	return await(ctx, c, "requests", until)
}

// Reset makes the double forget what has happened and all faults.
func (c Client) Reset(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodPost, "reset", nil)
	return err
}

// Messages is every message ever posted, oldest first; see [slack.Workspace.Messages].
func (c *SlackClient) Messages(ctx context.Context) ([]slack.Message, error) {
	v, err := look[slack.Message](ctx, c.Client, "messages")
	return v.Items, err
}

// AwaitMessages returns the messages once until holds for them, or with an error what there was by then.
func (c *SlackClient) AwaitMessages(ctx context.Context, until func([]slack.Message) bool) ([]slack.Message, error) {
	return await(ctx, c.Client, "messages", until)
}

// Ephemerals is every ephemeral message that was shown; see [slack.Workspace.Ephemerals].
func (c *SlackClient) Ephemerals(ctx context.Context) ([]slack.Ephemeral, error) {
	v, err := look[slack.Ephemeral](ctx, c.Client, "ephemerals")
	return v.Items, err
}

// AwaitEphemerals returns the ephemeral messages once until holds for them, or with an error what there was by then.
func (c *SlackClient) AwaitEphemerals(
	ctx context.Context, until func([]slack.Ephemeral) bool,
) ([]slack.Ephemeral, error) {
	return await(ctx, c.Client, "ephemerals", until)
}

// Channels is every conversation as it is now; see [slack.Workspace.Channels].
func (c *SlackClient) Channels(ctx context.Context) ([]slack.Channel, error) {
	v, err := look[slack.Channel](ctx, c.Client, "channels")
	return v.Items, err
}

// AwaitChannels returns the channels once until holds for them, or with an error what there was by then.
func (c *SlackClient) AwaitChannels(ctx context.Context, until func([]slack.Channel) bool) ([]slack.Channel, error) {
	return await(ctx, c.Client, "channels", until)
}

// AwaitSockets returns the sockets once until holds for them, or with an error what there was by then.
func (c *SlackClient) AwaitSockets(ctx context.Context, until func([]slack.Socket) bool) ([]slack.Socket, error) {
	return await(ctx, c.Client, "sockets", until)
}

// Press presses a button and returns what Slack would warn the presser of; see [slack.Workspace.Press].
func (c *SlackClient) Press(ctx context.Context, p slack.Press) (warning string, err error) {
	var answer slack.Warning
	err = c.act(ctx, "press", p, &answer)
	return answer.Warning, err
}

// SetRequestURL says where presses are delivered from now on; empty means by socket.
func (c *SlackClient) SetRequestURL(ctx context.Context, to string) error {
	return c.act(ctx, "request-url", slack.RequestURL{URL: to}, nil)
}

// Disconnect ends all sockets: with a reason after asking to open them anew, without one by cutting them.
func (c *SlackClient) Disconnect(ctx context.Context, reason string) error {
	return c.act(ctx, "disconnect", slack.Disconnect{Reason: reason}, nil)
}

// Archive archives a channel or takes it out of the archive; see [slack.Workspace.Archive].
func (c *SlackClient) Archive(ctx context.Context, channelID string, archived bool) error {
	return c.act(ctx, "archive", slack.Archive{Channel: channelID, Archived: archived}, nil)
}

// Incidents is every incident ever opened, oldest first.
func (c *PagerDutyClient) Incidents(ctx context.Context) ([]pagerduty.Incident, error) {
	v, err := look[pagerduty.Incident](ctx, c.Client, "incidents")
	return v.Items, err
}

// AwaitIncidents returns the incidents once until holds for them, or with an error what there was by then.
func (c *PagerDutyClient) AwaitIncidents(
	ctx context.Context, until func([]pagerduty.Incident) bool,
) ([]pagerduty.Incident, error) {
	return await(ctx, c.Client, "incidents", until)
}

// Pages is every time a person would have been notified; see [pagerduty.Account.Pages].
func (c *PagerDutyClient) Pages(ctx context.Context) ([]pagerduty.Page, error) {
	v, err := look[pagerduty.Page](ctx, c.Client, "pages")
	return v.Items, err
}

// Events is every accepted event for an incident in the order of arrival.
func (c *PagerDutyClient) Events(ctx context.Context) ([]pagerduty.Event, error) {
	v, err := look[pagerduty.Event](ctx, c.Client, "events")
	return v.Items, err
}

// ChangeEvents is every accepted change event in the order of arrival.
func (c *PagerDutyClient) ChangeEvents(ctx context.Context) ([]pagerduty.ChangeEvent, error) {
	v, err := look[pagerduty.ChangeEvent](ctx, c.Client, "changes")
	return v.Items, err
}

// Deliveries is every webhook, in the order of what they tell of.
func (c *PagerDutyClient) Deliveries(ctx context.Context) ([]pagerduty.Delivery, error) {
	v, err := look[pagerduty.Delivery](ctx, c.Client, "webhooks")
	return v.Items, err
}

// AwaitDeliveries returns the webhooks once until holds for them, or with an error what there was by then.
func (c *PagerDutyClient) AwaitDeliveries(
	ctx context.Context, until func([]pagerduty.Delivery) bool,
) ([]pagerduty.Delivery, error) {
	return await(ctx, c.Client, "webhooks", until)
}

// Subscribe says where webhooks go from now on.
func (c *PagerDutyClient) Subscribe(ctx context.Context, hook pagerduty.Webhook) error {
	return c.post(ctx, "subscribe", hook)
}

// Ping sends the webhook that tries a subscription.
func (c *PagerDutyClient) Ping(ctx context.Context) error { return c.post(ctx, "ping", nil) }

// Acknowledge lets the user acknowledge the newest open incident with the key; see [pagerduty.Account.Acknowledge].
func (c *PagerDutyClient) Acknowledge(ctx context.Context, key, user string) error {
	return c.post(ctx, "acknowledge", pagerduty.Act{Key: key, User: user})
}

// Unacknowledge takes it back from who acknowledged it; an empty user is PagerDuty itself.
func (c *PagerDutyClient) Unacknowledge(ctx context.Context, key, user string) error {
	return c.post(ctx, "unacknowledge", pagerduty.Act{Key: key, User: user})
}

// Resolve lets the user resolve it.
func (c *PagerDutyClient) Resolve(ctx context.Context, key, user string) error {
	return c.post(ctx, "resolve", pagerduty.Act{Key: key, User: user})
}

// Reopen lets the user open it again.
func (c *PagerDutyClient) Reopen(ctx context.Context, key, user string) error {
	return c.post(ctx, "reopen", pagerduty.Act{Key: key, User: user})
}

// Escalate moves it to a level; an empty user is PagerDuty itself.
func (c *PagerDutyClient) Escalate(ctx context.Context, key, user string, level int) error {
	return c.post(ctx, "escalate", pagerduty.Act{Key: key, User: user, Level: level})
}

func (c Client) post(ctx context.Context, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPost, path, b)
	return err
}

// await looks again after every change of the double until the view is as wanted.
func await[T any](ctx context.Context, c Client, view string, until func([]T) bool) ([]T, error) {
	seen, err := look[T](ctx, c, view)
	for err == nil && !until(seen.Items) {
		var next steer.View[T]
		if next, err = look[T](ctx, c, view+"?after="+strconv.FormatUint(seen.Revision, 10)); err == nil {
			seen = next
		}
	}
	return seen.Items, err
}

func look[T any](ctx context.Context, c Client, view string) (v steer.View[T], err error) {
	body, err := c.do(ctx, http.MethodGet, view, nil)
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	return v, err
}

// act does one of the double's actions and reads its answer into to, unless that is nil.
func (c Client) act(ctx context.Context, action string, what, to any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	answer, err := c.do(ctx, http.MethodPost, action, body)
	if err != nil || to == nil {
		return err
	}
	return json.Unmarshal(answer, to)
}

// do makes one request and returns the body of an answer of 2xx.
func (c Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s%s: %s: %s", method, c.base, path, resp.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}
