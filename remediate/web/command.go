package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
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
	commandWithin = 15 * time.Second
)

// Word is the body of a command: a human's word. As a form its fields have the
// same names.
type Word struct {
	By     string `json:"by,omitempty"`     // who gives it; needed unless the listener authenticates
	Reason string `json:"reason,omitempty"` // why, for those who read it later
	Plan   string `json:"plan,omitempty"`   // approve and deny: the plan's hash, or at least 6 characters of its beginning
	Scope  string `json:"scope,omitempty"`  // pause and resume: all, policy/NAME or namespace/NAME
}

// Given is the answer to a command that was taken: it is durable.
type Given struct {
	Command  string `json:"command"`
	By       string `json:"by"`
	Incident uint64 `json:"incident,omitempty"`
	Scope    string `json:"scope,omitempty"`
}

func (s *server) incidentCommand(command string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		n, err := number(r.PathValue("id"))
		if err != nil {
			return err
		}
		word, err := s.word(w, r)
		if err != nil {
			return err
		}
		switch {
		case word.Scope != "":
			return problemf(http.StatusBadRequest, "scope is for pause and resume; %s names an incident", command)
		case word.Plan != "" && command != remediate.Approve && command != remediate.Deny:
			return problemf(http.StatusBadRequest, "plan is for approve and deny; %s names none", command)
		}
		given := Given{Command: command, By: word.By, Incident: n}
		err = s.command(r.Context(), remediate.Command{Command: command, By: word.By, Incident: n, Plan: word.Plan, Reason: word.Reason})
		return s.taken(w, r, given, fmt.Sprintf("/incidents/%d", n), err)
	}
}

func (s *server) scopeCommand(command string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		word, err := s.word(w, r)
		if err != nil {
			return err
		}
		if word.Plan != "" {
			return problemf(http.StatusBadRequest, "plan is for approve and deny; %s names a scope", command)
		}
		given := Given{Command: command, By: word.By, Scope: word.Scope}
		err = s.command(r.Context(), remediate.Command{Command: command, By: word.By, Scope: word.Scope, Reason: word.Reason})
		return s.taken(w, r, given, "/automation", err)
	}
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

// taken answers a command: a form goes back to where its effect can be seen.
func (s *server) taken(w http.ResponseWriter, r *http.Request, g Given, page string, err error) error {
	if err != nil {
		return err
	}
	if isForm(r) {
		http.Redirect(w, r, page, http.StatusSeeOther)
		return nil
	}
	writeJSON(w, http.StatusOK, g)
	return nil
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
		word = Word{By: r.PostForm.Get("by"), Reason: r.PostForm.Get("reason"), Plan: r.PostForm.Get("plan"), Scope: r.PostForm.Get("scope")}
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
	if s.opt.BasicAuth {
		word.By, _, _ = r.BasicAuth()
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

// checked makes the word one line each and refuses what is not said.
func (word Word) checked() (Word, error) {
	word.By = strings.Join(strings.Fields(word.By), " ")
	word.Reason = strings.Join(strings.Fields(word.Reason), " ")
	word.Plan, word.Scope = strings.TrimSpace(word.Plan), strings.TrimSpace(word.Scope)
	switch {
	case word.By == "":
		return word, problemf(http.StatusBadRequest, "say in \"by\" who gives the command: it is written down for ever")
	case utf8.RuneCountInString(word.By) > maxBy:
		return word, problemf(http.StatusBadRequest, "by: at most %d characters", maxBy)
	case utf8.RuneCountInString(word.Reason) > maxReason:
		return word, problemf(http.StatusBadRequest, "reason: at most %d characters", maxReason)
	case !printable(word.By + word.Reason + word.Plan + word.Scope):
		return word, problemf(http.StatusBadRequest, "by, reason, plan and scope are plain text, without control characters")
	}
	return word, nil
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
