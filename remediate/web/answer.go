package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate"
)

// problem is an error with the status code that it is answered with.
type problem struct {
	code int
	text string
}

func (p *problem) Error() string { return p.text }

func problemf(code int, format string, args ...any) error {
	return &problem{code, fmt.Sprintf(format, args...)}
}

// codeOf returns the status code for err. What is neither a bad request nor a
// refusal is the daemon's own trouble, and it may be over soon: 503.
func codeOf(err error) int {
	var p *problem
	var refused *remediate.RefusedError
	var large *http.MaxBytesError
	var kept *NotAdmittedError
	switch {
	case errors.As(err, &p):
		return p.code
	case errors.As(err, &kept):
		return kept.Code
	case errors.As(err, &refused) && refused.Forbidden:
		return http.StatusForbidden
	case errors.As(err, &refused) && refused.NotFound:
		return http.StatusNotFound
	case errors.As(err, &refused):
		return http.StatusConflict
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusServiceUnavailable
}

// Error is the body of every answer that is not a success.
type Error struct {
	Error string `json:"error"` // what is wrong, and what to do
}

// refuse answers with err: as a page to a browser, as JSON to a program.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := codeOf(err)
	switch code {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "5")
	case http.StatusUnauthorized: // a browser asks for a name and a password, which is a token
		w.Header().Set("WWW-Authenticate", `Basic realm="remediated", charset="UTF-8"`)
	}
	if wantsPage(r) {
		s.errorPage(w, r, code, err)
		return
	}
	writeJSON(w, code, Error{err.Error()})
}

// wantsPage tells a browser from a program: by the path that it asks for, and
// for the API by a form that was sent.
func wantsPage(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/-/") {
		return isForm(r)
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// json answers with what f returns.
func (s *server) json(f func(*http.Request) (any, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := f(r)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, v)
		return nil
	}
}

// writeJSON writes v. An error in writing is the client having gone away.
func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		code, b = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(b, '\n'))
}
