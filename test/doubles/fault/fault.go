// Package fault makes an HTTP server misbehave on request: it answers with an error, answers late, carries a request
// out and loses the answer, or resets the connection before it has looked at the request.
//
// The faults of a test are a [Script]: a list, taken from the front, of what happens to which of the next requests.
// [Script.Wrap] puts the script in front of any handler. The doubles in the packages beside this one do so for
// themselves and let another process write the script over HTTP.
package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Fault is one misbehaviour and the requests that it befalls. Exactly one of Status, LoseReply and Drop may be set;
// none of them means that the request is carried out and answered as ever, which with Delay or DelayReply is a slow
// server.
type Fault struct {
	// Path selects requests by their URL path: the whole of it ("/v2/enqueue") or its last elements
	// ("chat.postMessage"). Empty selects every path.
	Path string `json:"path,omitempty"`
	// Contains selects requests by a text in their body, seen as sent or with its percent-encoding undone. Empty
	// selects every body.
	Contains string `json:"contains,omitempty"`
	// Skip is how many of the selected requests go by unharmed first.
	Skip int `json:"skip,omitempty"`
	// Times is how many requests are befallen. Zero means one; [Forever] means all until the script is reset.
	Times int `json:"times,omitempty"`

	// Delay passes before the request is carried out, DelayReply between carrying it out and answering it. Either
	// ends when the client hangs up; the request is carried out all the same, as a server does that has already read
	// it.
	Delay      Duration `json:"delay,omitempty"`
	DelayReply Duration `json:"delay_reply,omitempty"`

	// Status is the HTTP status code to answer with instead of carrying the request out, with Header and Body.
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`

	// LoseReply carries the request out and closes the connection without an answer: the client cannot know that it
	// took effect.
	LoseReply bool `json:"lose_reply,omitempty"`
	// Drop resets the connection without carrying the request out.
	Drop bool `json:"drop,omitempty"`
}

// Forever as [Fault.Times] lets a fault befall every selected request until the script is reset.
const Forever = -1

// Answer answers the next request to path with the status code and does not carry it out.
func Answer(path string, status int) Fault { return Fault{Path: path, Status: status} }

// LoseReply carries out the next request to path and closes the connection without an answer.
func LoseReply(path string) Fault { return Fault{Path: path, LoseReply: true} }

// Drop resets the connection of the next request to path without carrying it out.
func Drop(path string) Fault { return Fault{Path: path, Drop: true} }

// Delay carries out the next request to path only after d.
func Delay(path string, d time.Duration) Fault { return Fault{Path: path, Delay: Duration(d)} }

// DelayReply carries out the next request to path at once and answers it after d.
func DelayReply(path string, d time.Duration) Fault {
	return Fault{Path: path, DelayReply: Duration(d)}
}

// Repeat is the fault befalling n requests instead of one.
func (f Fault) Repeat(n int) Fault { f.Times = n; return f }

// After is the fault sparing the first n selected requests.
func (f Fault) After(n int) Fault { f.Skip = n; return f }

// For is the fault befalling only requests with the text in their body.
func (f Fault) For(text string) Fault { f.Contains = text; return f }

// With is the fault answering with one more header.
func (f Fault) With(header, value string) Fault {
	all := map[string]string{header: value}
	for k, v := range f.Header {
		if k != header {
			all[k] = v
		}
	}
	f.Header = all
	return f
}

// String names the fault in a few words, for the log of requests.
func (f Fault) String() string {
	var words []string
	if f.Delay > 0 {
		words = append(words, "delay "+time.Duration(f.Delay).String())
	}
	switch {
	case f.Drop:
		words = append(words, "drop")
	case f.LoseReply:
		words = append(words, "lose reply")
	case f.Status != 0:
		words = append(words, fmt.Sprintf("status %d", f.Status))
	}
	if f.DelayReply > 0 {
		words = append(words, "delay reply "+time.Duration(f.DelayReply).String())
	}
	return strings.Join(words, ", ")
}

// Validate says what is wrong with a fault that could never do what it says.
func (f Fault) Validate() error {
	kinds := 0
	for _, set := range []bool{f.Status != 0, f.LoseReply, f.Drop} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return errors.New("fault: only one of status, lose_reply and drop may be set")
	case kinds == 0 && f.Delay == 0 && f.DelayReply == 0:
		return errors.New("fault: nothing goes wrong: set one of delay, delay_reply, status, lose_reply, drop")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("fault: status %d is not a final HTTP status code", f.Status)
	case f.Status == 0 && (len(f.Header) > 0 || f.Body != ""):
		return errors.New("fault: header and body need a status")
	case f.Delay < 0 || f.DelayReply < 0:
		return errors.New("fault: a delay cannot be negative")
	case f.Skip < 0 || f.Times < Forever:
		return errors.New("fault: skip and times cannot be negative, but for times -1 (forever)")
	}
	return nil
}

// selects tells whether the fault is meant for a request to path with the body, given as sent and decoded.
func (f Fault) selects(path, body, decoded string) bool {
	return f.selectsPath(path) &&
		(f.Contains == "" || strings.Contains(body, f.Contains) || strings.Contains(decoded, f.Contains))
}

func (f Fault) selectsPath(path string) bool {
	return f.Path == "" || f.Path == path || strings.HasSuffix(path, "/"+strings.TrimPrefix(f.Path, "/"))
}

// Duration is a [time.Duration] that is a text such as "1.5s" in JSON, because faults are also written by hand.
type Duration time.Duration

// MarshalJSON writes the duration as a text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads a text in the form of [time.ParseDuration].
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a duration is a text such as \"1.5s\": %w", err)
	}
	parsed, err := time.ParseDuration(text)
	*d = Duration(parsed)
	return err
}

// statusText is the body of an answer for which the fault gives none.
func (f Fault) statusText() string {
	if f.Body != "" {
		return f.Body
	}
	return http.StatusText(f.Status) + "\n"
}
