package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Bounds of what a command may say.
const (
	maxCommand    = 64 << 10 // bytes of the request
	maxBy         = 200      // characters
	maxReason     = 1000
	maxScope      = 300
	maxPlan       = 100
	maxName       = 100 // of a guard, or a value
	maxLabels     = 50
	maxLabel      = 1000 // of a label's value
	commandWithin = 15 * time.Second
)

// Word is the body of a command: a human's word. As a form its fields have the
// same names.
type Word struct {
	By     string `json:"by,omitempty"`     // who gives it; needed, and believed, where nobody has to prove who they are
	Reason string `json:"reason,omitempty"` // why, for those who read it later; override and accept need one; note: what was learned
	Plan   string `json:"plan,omitempty"`   // approve and deny: the plan's hash, or at least 6 characters of its beginning
	Scope  string `json:"scope,omitempty"`  // pause, resume and mode: all, policy/NAME or namespace/NAME; drill, live-drill and end-drill: policy/NAME
	Guard  string `json:"guard,omitempty"`  // override: the guard that may pass
	Value  string `json:"value,omitempty"`  // mode: observe, approve or act; severity: P1, P2 or P3; accept: the release; drill and live-drill: for how long
	For    string `json:"for,omitempty"`    // pause: for how long, for example 2h
	Until  string `json:"until,omitempty"`  // pause: until when, as RFC 3339; without either until somebody resumes it
	// Labels are of a drill's alert. A form has none.
	Labels map[string]string `json:"labels,omitempty"`
	Page   bool              `json:"page,omitempty"` // live-drill: people are called as in earnest
}

// Given is the answer to a command that was taken: it is durable.
type Given struct {
	Command  string `json:"command"`
	By       string `json:"by"`
	Incident uint64 `json:"incident,omitempty"`
	Scope    string `json:"scope,omitempty"`
	Guard    string `json:"guard,omitempty"`
	Value    string `json:"value,omitempty"`
	For      string `json:"for,omitempty"`
	Until    string `json:"until,omitempty"`
}

func (s *server) incidentCommand(command string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		n, err := number(r.PathValue("id"))
		if err != nil {
			return err
		}
		return s.give(w, r, command, n, fmt.Sprintf("/incidents/%d", n))
	}
}

func (s *server) scopeCommand(command string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error { return s.give(w, r, command, 0, "/automation") }
}

// give reads a command's word, hands it over and answers. A form goes back to
// page, where its effect can be seen.
func (s *server) give(w http.ResponseWriter, r *http.Request, command string, incident uint64, page string) error {
	word, err := s.word(w, r)
	if err != nil {
		return err
	}
	if err := word.fits(command); err != nil {
		return err
	}
	c := remediate.Command{
		Command: command, By: word.By, Incident: incident, Plan: word.Plan, Scope: word.Scope,
		Reason: word.Reason, Guard: word.Guard, Value: word.Value, Page: word.Page,
	}
	if command == remediate.Pause {
		c.Value, c.Until = word.For, word.until()
	}
	if len(word.Labels) > 0 {
		c.Labels = remediate.LabelsOf(word.Labels)
	}
	if err := s.command(r.Context(), c); err != nil {
		return err
	}
	if isForm(r) {
		http.Redirect(w, r, page, http.StatusSeeOther) //nolint:gosec // page is ours: /automation, or the number of an incident
		return nil
	}
	writeJSON(w, http.StatusOK, Given{
		Command: command, By: word.By, Incident: incident, Scope: word.Scope, Guard: word.Guard, Value: word.Value, For: word.For, Until: word.Until,
	})
	return nil
}

// command hands the word over. When it cannot be kept nobody knows whether it
// was, and the answer says so.
func (s *server) command(ctx context.Context, c remediate.Command) error {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	err := s.opt.Live.Command(ctx, c)
	var refused *remediate.RefusedError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	return problemf(http.StatusServiceUnavailable, "%s could not be written down: %v; look how things stand, then give it again", c.Command, err)
}

// word reads a command's body and settles who gives it.
func (s *server) word(w http.ResponseWriter, r *http.Request) (Word, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxCommand)
	var word Word
	var err error
	switch mediaType(r) {
	case "application/json":
		word, err = readJSON(r.Body)
	case "application/x-www-form-urlencoded":
		err = r.ParseForm()
		word = Word{
			By: r.PostForm.Get("by"), Reason: r.PostForm.Get("reason"), Plan: r.PostForm.Get("plan"),
			Scope: r.PostForm.Get("scope"), Guard: r.PostForm.Get("guard"), Value: r.PostForm.Get("value"),
			For: r.PostForm.Get("for"), Until: r.PostForm.Get("until"),
		}
	default:
		return word, problemf(http.StatusUnsupportedMediaType, "content type %q: send application/json (or a form)", r.Header.Get("Content-Type"))
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return word, problemf(http.StatusRequestEntityTooLarge, "a command has at most %d bytes", maxCommand)
	case err != nil:
		return word, problemf(http.StatusBadRequest, "read the command: %v; want {\"by\": \"...\", \"reason\": \"...\"}", err)
	}
	if by := proven(r); by != "" {
		word.By = by
	}
	return word.checked()
}

func readJSON(body io.Reader) (word Word, err error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields() // a reason that is misspelt would be lost
	if err := d.Decode(&word); err != nil {
		return word, err
	}
	if _, err := d.Token(); err != io.EOF {
		return word, errors.New("there is more than one value")
	}
	return word, nil
}

// checked makes the word one line each and refuses what is not said, or not
// plain text.
func (word Word) checked() (Word, error) {
	word.By = strings.Join(strings.Fields(word.By), " ")
	word.Reason = strings.Join(strings.Fields(word.Reason), " ")
	for _, part := range []*string{&word.Plan, &word.Scope, &word.Guard, &word.Value, &word.For, &word.Until} {
		*part = strings.TrimSpace(*part)
	}
	if word.By == "" {
		return word, problemf(http.StatusBadRequest, "say in \"by\" who gives the command: it is written down for ever")
	}
	for _, part := range []struct {
		name, text string
		most       int
	}{
		{"by", word.By, maxBy}, {"reason", word.Reason, maxReason}, {"plan", word.Plan, maxPlan},
		{"scope", word.Scope, maxScope}, {"guard", word.Guard, maxName}, {"value", word.Value, maxName},
		{"for", word.For, maxName}, {"until", word.Until, maxName},
	} {
		switch {
		case utf8.RuneCountInString(part.text) > part.most:
			return word, problemf(http.StatusBadRequest, "%s: at most %d characters", part.name, part.most)
		case !printable(part.text):
			return word, problemf(http.StatusBadRequest, "%s is plain text on one line, without control characters", part.name)
		}
	}
	return word, word.checkLabels()
}

// checkLabels refuses labels that are too many, too long, or no plain text.
func (word Word) checkLabels() error {
	if len(word.Labels) > maxLabels {
		return problemf(http.StatusBadRequest, "labels: at most %d", maxLabels)
	}
	for _, name := range slices.Sorted(maps.Keys(word.Labels)) {
		if value := word.Labels[name]; len(name) > maxName || utf8.RuneCountInString(value) > maxLabel || !printable(name+value) {
			return problemf(http.StatusBadRequest, "label %.40q: want a name of at most %d bytes, and plain text on one line of at most %d characters", name, maxName, maxLabel)
		}
	}
	return nil
}

// fields are those of a word that not every command takes, and which do.
var fields = []struct {
	name string
	of   func(Word) string
	by   []string
}{
	{"plan", func(w Word) string { return w.Plan }, []string{remediate.Approve, remediate.Deny}},
	{"scope", func(w Word) string { return w.Scope }, []string{remediate.Pause, remediate.Resume, remediate.SetMode, remediate.Drill, remediate.LiveDrill, remediate.EndDrill}},
	{"guard", func(w Word) string { return w.Guard }, []string{remediate.Override}},
	{"value", func(w Word) string { return w.Value }, []string{remediate.SetMode, remediate.Rate, remediate.Accept, remediate.Drill, remediate.LiveDrill}},
	{"for", func(w Word) string { return w.For }, []string{remediate.Pause}},
	{"until", func(w Word) string { return w.Until }, []string{remediate.Pause}},
	{"labels", func(w Word) string { return strings.Join(slices.Sorted(maps.Keys(w.Labels)), ", ") }, []string{remediate.Drill, remediate.LiveDrill}},
	{"page", func(w Word) string { return map[bool]string{true: "true"}[w.Page] }, []string{remediate.LiveDrill}},
}

// values are what the value of a command may be, the strictest first.
var values = map[string][]string{
	remediate.SetMode: {string(remediate.ModeObserve), string(remediate.ModeApprove), string(remediate.ModeAct)},
	remediate.Rate:    {string(remediate.P1), string(remediate.P2), string(remediate.P3)},
}

// fits says what a command has and must not have, or needs and has not. Whether
// it fits how things stand is the decider's to say.
func (word Word) fits(command string) error {
	for _, f := range fields {
		if f.of(word) != "" && !slices.Contains(f.by, command) {
			return problemf(http.StatusBadRequest, "%s is for %s; %s takes none", f.name, list(f.by), command)
		}
	}
	vs, valued := values[command]
	switch {
	case command == remediate.Override && word.Guard == "":
		return problemf(http.StatusBadRequest, "say in \"guard\" which guard may pass: one of those that stand in the way")
	case command == remediate.Override && word.Reason == "":
		return problemf(http.StatusBadRequest, "say in \"reason\" why the guard may pass: those who look into it later will want to know")
	case command == remediate.Accept && word.Value == "":
		return problemf(http.StatusBadRequest, "say in \"value\" which release may act: the one that /api/v1/upgrade shows")
	case command == remediate.Accept && word.Reason == "":
		return problemf(http.StatusBadRequest, "say in \"reason\" why the release may act: those who look into it later will want to know")
	case command == remediate.Note && word.Reason == "":
		return problemf(http.StatusBadRequest, "say in \"reason\" what was learned: it is kept with the incident")
	case slices.Contains([]string{remediate.Drill, remediate.LiveDrill, remediate.EndDrill}, command) && word.Scope == "":
		return problemf(http.StatusBadRequest, "say in \"scope\" which policy is practised: policy/NAME")
	case command == remediate.SetMode && word.Scope == "":
		return problemf(http.StatusBadRequest, "say in \"scope\" where: all, policy/NAME or namespace/NAME")
	case word.For != "" && word.Until != "":
		return problemf(http.StatusBadRequest, "for and until say the same in two ways: give one of them")
	case word.Until != "" && word.until().IsZero():
		return problemf(http.StatusBadRequest, "until %q: want a time with its zone, for example 2026-01-14T14:00:00Z", word.Until)
	case valued && !slices.Contains(vs, word.Value):
		return problemf(http.StatusBadRequest, "value %q: %s wants one of %s", word.Value, command, strings.Join(vs, ", "))
	}
	return nil
}

// until is what the word says of when something ends, zero when that is nothing or no time.
func (word Word) until() time.Time {
	t, err := time.Parse(time.RFC3339, word.Until)
	if err != nil {
		return time.Time{}
	}
	return t
}

// pauses are for how long a pause may be, as a form has it to choose from; "" is
// until somebody resumes it.
var pauses = []string{"", "15m", "30m", "1h", "2h", "4h", "8h", "1d"}

// list joins words as people do.
func list(words []string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " and " + words[n]
}

func printable(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

func isForm(r *http.Request) bool { return mediaType(r) == "application/x-www-form-urlencoded" }

func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}
