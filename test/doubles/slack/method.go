package slack

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object in an answer.
type object = map[string]any

// method is one method of the Web API: the scope that it needs, the arguments that Slack documents for it and what it
// does. An error of type *refusal is answered with "ok": false.
type method struct {
	scope     string
	arguments []string
	call      func(*Workspace, url.Values) (object, error)
}

// methods are the methods that the double knows. Scopes and arguments as documented in Slack's method reference; where
// several scopes will do, the one that an app asks for when it does all of this.
var methods = map[string]method{
	"auth.test": {"", nil, (*Workspace).authTest},
	"chat.postMessage": {"chat:write", words("channel text blocks attachments metadata thread_ts reply_broadcast mrkdwn parse " +
		"link_names unfurl_links unfurl_media username icon_url icon_emoji as_user markdown_text"), (*Workspace).postMessage},
	"chat.postEphemeral": {"chat:write", words("channel user text blocks attachments thread_ts parse link_names username " +
		"icon_url icon_emoji as_user markdown_text"), (*Workspace).postEphemeral},
	"chat.update": {"chat:write", words("channel ts text blocks attachments metadata parse link_names reply_broadcast as_user " +
		"file_ids markdown_text"), (*Workspace).update},
	"chat.delete": {"chat:write", words("channel ts as_user"), (*Workspace).delete},
	"conversations.history": {"channels:history", words("channel cursor limit oldest latest inclusive include_all_metadata"),
		(*Workspace).history},
	"conversations.replies": {"channels:history", words("channel ts cursor limit oldest latest inclusive include_all_metadata"),
		(*Workspace).threadReplies},
	"conversations.info":     {"channels:read", words("channel include_locale include_num_members"), (*Workspace).channelInfo},
	"conversations.list":     {"channels:read", words("cursor limit types exclude_archived team_id"), (*Workspace).channelList},
	"conversations.create":   {"channels:manage", words("name is_private team_id"), (*Workspace).createChannel},
	"conversations.setTopic": {"channels:manage", words("channel topic"), (*Workspace).setTopic},
	"conversations.invite":   {"channels:manage", words("channel users force"), (*Workspace).invite},
	"conversations.archive":  {"channels:manage", words("channel"), (*Workspace).archive},
	"users.info":             {"users:read", words("user include_locale"), (*Workspace).userInfo},
}

func words(s string) []string { return strings.Fields(s) }

// refusal is a call that fails as Slack calls fail: with a code and, for some codes, messages about the arguments.
type refusal struct {
	code     string
	messages []string
	// needed is the scope that the token lacks.
	needed string
	// retryAfter makes the refusal an HTTP 429.
	retryAfter time.Duration
}

func (r *refusal) Error() string { return r.code }

func refuse(code string, messages ...string) error { return &refusal{code: code, messages: messages} }

// serveMethod answers one call of the Web API.
func (w *Workspace) serveMethod(rw http.ResponseWriter, r *http.Request) {
	answer, err := w.call(r)
	var no *refusal
	if errors.As(err, &no) {
		no.write(rw, strings.Join(w.options.Scopes, ","))
		return
	}
	answer["ok"] = true
	writeJSON(rw, http.StatusOK, answer)
}

func (w *Workspace) call(r *http.Request) (object, error) {
	name := strings.TrimPrefix(r.URL.Path, "/api/")
	m, ok := methods[name]
	if !ok {
		return nil, refuse("unknown_method", "[ERROR] the double has no method "+name)
	}
	arguments, err := parseArguments(r)
	if err != nil {
		return nil, err
	}
	if err := w.authorise(r, arguments); err != nil {
		return nil, err
	}
	if m.scope != "" && w.options.Scopes != nil && !slices.Contains(w.options.Scopes, m.scope) {
		return nil, &refusal{code: "missing_scope", needed: m.scope}
	}
	if err := w.checkNames(m, arguments); err != nil {
		return nil, err
	}
	return m.call(w, arguments)
}

// parseArguments reads the arguments from a form, a JSON object or, for GET, the query. JSON values that are not
// texts are kept as JSON, which is how the same values are written in a form.
func parseArguments(r *http.Request) (url.Values, error) {
	if r.Method == http.MethodGet {
		return r.URL.Query(), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, refuse("request_timeout")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil && len(body) == 0:
		return url.Values{}, nil
	case err != nil:
		return nil, refuse("missing_post_type")
	case kind == "application/json":
		return parseJSON(body)
	case kind != "application/x-www-form-urlencoded":
		return nil, refuse("invalid_post_type")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, refuse("invalid_form_data")
	}
	return values, nil
}

func parseJSON(body []byte) (url.Values, error) {
	if !json.Valid(body) {
		return nil, refuse("invalid_json")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, refuse("json_not_object")
	}
	values := url.Values{}
	for name, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		values.Set(name, text)
	}
	return values, nil
}

// authorise checks the token, which is a bearer token in the header or an argument of a form, but not of a query,
// where it would end up in logs, nor of a JSON body.
func (w *Workspace) authorise(r *http.Request, arguments url.Values) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok && r.Method == http.MethodPost && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		token = arguments.Get("token")
	}
	arguments.Del("token")
	switch token {
	case "":
		return refuse("not_authed")
	case w.options.Token:
		return nil
	}
	return refuse("invalid_auth")
}

func (w *Workspace) checkNames(m method, arguments url.Values) error {
	if !w.options.Strict {
		return nil
	}
	for name := range arguments {
		if !slices.Contains(m.arguments, name) {
			return refuse("invalid_arg_name", "[ERROR] no such argument: "+name)
		}
	}
	return nil
}

// write answers with the refusal: HTTP 200, or 429 with whole seconds in Retry-After when it is for being too fast.
func (r *refusal) write(rw http.ResponseWriter, scopes string) {
	status := http.StatusOK
	if r.retryAfter > 0 {
		status = http.StatusTooManyRequests
		rw.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(r.retryAfter.Seconds()))))
	}
	answer := object{"ok": false, "error": r.code}
	if r.needed != "" {
		answer["needed"], answer["provided"] = r.needed, scopes
	}
	if len(r.messages) > 0 {
		answer["errors"] = withoutLevel(r.messages)
		answer["response_metadata"] = object{"messages": r.messages}
	}
	writeJSON(rw, status, answer)
}

// withoutLevel is the messages without "[ERROR] ", as Slack repeats them in "errors".
func withoutLevel(messages []string) (bare []string) {
	for _, m := range messages {
		bare = append(bare, strings.TrimPrefix(m, "[ERROR] "))
	}
	return bare
}

func writeJSON(rw http.ResponseWriter, status int, answer object) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	json.NewEncoder(rw).Encode(answer) //nolint:errcheck // the client may have hung up, which is its business
}
