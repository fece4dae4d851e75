package slack

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// MaxPage is the most messages in one answer, as documented for the limit of conversations.history.
const MaxPage = 999

// history is conversations.history: the messages of a channel without replies in threads, newest first.
func (w *Workspace) history(a url.Values) (object, error) {
	c, err := w.readable(a.Get("channel"))
	if err != nil {
		return nil, err
	}
	page, err := parsePage(a, 100)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []*Message
	for _, m := range slices.Backward(w.messages) {
		if m.Channel == c.ID && !m.Deleted && (m.ThreadTS == "" || m.Broadcast) && page.spans(m) {
			found = append(found, m)
		}
	}
	start := 0
	if page.cursor != "" {
		start = countWhile(found, func(m *Message) bool { return m.TS > page.cursor })
	}
	answer := w.renderPage(found[start:], page)
	answer["pin_count"] = 0
	return answer, nil
}

// threadReplies is conversations.replies: a message and its replies, oldest first.
func (w *Workspace) threadReplies(a url.Values) (object, error) {
	c, err := w.readable(a.Get("channel"))
	if err != nil {
		return nil, err
	}
	page, err := parsePage(a, MaxPage)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	parent := w.find(c.ID, a.Get("ts"))
	if parent != nil && parent.ThreadTS != "" {
		parent = w.find(c.ID, parent.ThreadTS)
	}
	if parent == nil {
		return nil, refuse("thread_not_found")
	}
	found := []*Message{parent}
	for _, m := range w.replies(c.ID, parent.TS) {
		if page.spans(m) {
			found = append(found, m)
		}
	}
	start := 0
	if page.cursor != "" {
		start = countWhile(found, func(m *Message) bool { return m.TS < page.cursor })
	}
	return w.renderPage(found[start:], page), nil
}

// page is which part of a list of messages is asked for. Timestamps compare as texts.
type page struct {
	oldest, latest string
	inclusive      bool
	limit          int
	cursor         string // timestamp of the first message of the page; empty for the first page
	metadata       bool
}

func parsePage(a url.Values, usual int) (page, error) {
	p := page{inclusive: isTrue(a.Get("inclusive")), limit: usual, metadata: isTrue(a.Get("include_all_metadata"))}
	var ok bool
	if p.oldest, ok = parseBound(a.Get("oldest")); !ok {
		return p, refuse("invalid_ts_oldest")
	}
	if p.latest, ok = parseBound(a.Get("latest")); !ok {
		return p, refuse("invalid_ts_latest")
	}
	if text := a.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MaxPage {
			return p, refuse("invalid_limit")
		}
		p.limit = n
	}
	if text := a.Get("cursor"); text != "" {
		plain, err := base64.StdEncoding.DecodeString(text)
		ts, isCursor := strings.CutPrefix(string(plain), "next_ts:")
		if err != nil || !isCursor {
			return p, refuse("invalid_cursor")
		}
		p.cursor = ts
	}
	return p, nil
}

// parseBound reads a time in Unix seconds with or without a fraction and writes it as a timestamp.
func parseBound(text string) (ts string, ok bool) {
	if text == "" || text == "0" {
		return "", true
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if len(whole) < 10 {
		whole = strings.Repeat("0", 10-len(whole)) + whole
	}
	for len(fraction) < 6 {
		fraction += "0"
	}
	ts = whole + "." + fraction[:6]
	return ts, tsPattern.MatchString(ts)
}

// spans tells whether a message lies between oldest and latest; on them only if inclusive.
func (p page) spans(m *Message) bool {
	if p.inclusive && (m.TS == p.oldest || m.TS == p.latest) {
		return true
	}
	return m.TS > p.oldest && (p.latest == "" || m.TS < p.latest)
}

// renderPage shows as many messages as the page takes and where the next page starts. The lock is held.
func (w *Workspace) renderPage(messages []*Message, p page) object {
	next := ""
	if len(messages) > p.limit {
		next = base64.StdEncoding.EncodeToString([]byte("next_ts:" + messages[p.limit].TS))
		messages = messages[:p.limit]
	}
	shown := []object{}
	for _, m := range messages {
		shown = append(shown, w.render(m, p.metadata))
	}
	answer := object{"messages": shown, "has_more": next != ""}
	if next != "" {
		answer["response_metadata"] = object{"next_cursor": next}
	}
	return answer
}

func countWhile(messages []*Message, holds func(*Message) bool) int {
	n := slices.IndexFunc(messages, func(m *Message) bool { return !holds(m) })
	if n < 0 {
		return len(messages)
	}
	return n
}
