package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	api "github.com/slack-go/slack"
	"github.com/sony/gobreaker/v2"

	"github.com/x0tta6bl4/remediated/notify"
)

// call makes one call of a method of the Web API, behind the breaker, with the
// token as it is in its file now. The channel is for the words of a refusal,
// "" when it is about none.
func (s *Slack) call(ctx context.Context, method, channel string, do func(context.Context, *api.Client) error) error {
	token, err := s.options.Token.Read()
	if err != nil {
		// Not final: the file may be in the middle of a rotation.
		return fmt.Errorf("slack: %w; check notify.slack.token_file", err)
	}
	client := api.New(token.Reveal(), api.OptionHTTPClient(s.client), api.OptionAPIURL(s.options.APIURL))
	_, err = s.breaker.Execute(func() (struct{}, error) { return struct{}{}, do(ctx, client) })
	return explain(method, channel, token, err)
}

// refused tells whether the error is an answer of Slack to what we sent, and
// not a failure of Slack.
func refused(err error) bool {
	var limited *api.RateLimitedError
	var status api.StatusCodeError
	switch {
	case errors.As(err, &limited):
		return true
	case errors.As(err, &status):
		return status.Code < http.StatusInternalServerError
	}
	code := codeOf(err)
	return code != "" && !failing[code]
}

// failing are the codes of "ok": false with which Slack says that it failed
// itself, limiting those with which it says: not now.
var (
	failing  = map[string]bool{"internal_error": true, "fatal_error": true, "service_unavailable": true, "request_timeout": true}
	limiting = map[string]bool{"ratelimited": true, "rate_limited": true, "accesslimited": true, "message_limit_exceeded": true,
		"team_added_to_org": true, "org_login_required": true}
)

// explain sorts an error of the library into what package notify tells apart,
// in words without the token.
func explain(method, channel string, token notify.Secret, err error) error {
	if err == nil {
		return nil
	}
	said := &saidError{words: token.Redact(fmt.Sprintf("slack %s: %s", method, err)), err: err}
	var limited *api.RateLimitedError
	var status api.StatusCodeError
	var no api.SlackErrorResponse
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		said.words = fmt.Sprintf("slack %s: not called, because it failed %d times in a row; it is tried again within %s",
			method, breakerFailures, breakerTimeout)
	case errors.As(err, &limited):
		return &notify.WaitError{Err: said, Wait: max(limited.RetryAfter, 0)}
	case errors.As(err, &no) && !failing[no.Err] && !limiting[no.Err]:
		said.words = token.Redact(refusal(method, channel, no))
		return &notify.FinalError{Err: said, Do: adviceOn(method, no.Err)}
	case errors.As(err, &status) && gone(status.Code):
		return &notify.FinalError{Err: said, Do: "check notify.slack.api_url and the proxy"}
	}
	return said
}

// gone tells whether an HTTP status will be the same the next time.
func gone(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return code < http.StatusInternalServerError
}

// refusal says what Slack refused, with its own reasons and the scopes.
func refusal(method, channel string, no api.SlackErrorResponse) string {
	words := "slack " + method
	if channel != "" {
		words += ", channel " + channel
	}
	words += ": refused: " + no.Err
	if no.Needed != "" {
		words += " (needed: " + no.Needed + ", granted: " + no.Provided + ")"
	}
	if len(no.ResponseMetadata.Messages) > 0 {
		words += " (" + strings.Join(no.ResponseMetadata.Messages, "; ") + ")"
	}
	return words
}

// saidError is an error in our words over the library's.
type saidError struct {
	words string
	err   error
}

func (e *saidError) Error() string { return e.words }
func (e *saidError) Unwrap() error { return e.err }

// codeOf returns Slack's error code, "" when the error is none of Slack's.
func codeOf(err error) string {
	var no api.SlackErrorResponse
	errors.As(err, &no)
	return no.Err
}

// lost tells whether a message can never be edited again: it was deleted, or
// another app posted it, or the workspace closed it to edits. The incident
// then gets a new one, because nobody can see the old.
func lost(err error) bool {
	switch codeOf(err) {
	case "message_not_found", "cant_update_message", "edit_window_closed":
		return true
	}
	return false
}

// since returns t less what Slack's clock and ours may differ by, as Slack writes times.
func since(t time.Time) string {
	const skew = 10 * time.Minute
	return fmt.Sprintf("%d.000000", max(t.Add(-skew).Unix(), 0))
}
