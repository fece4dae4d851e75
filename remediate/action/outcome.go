package action

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// retryAfter is when to try again where nobody says.
const retryAfter = 5 * time.Second

// writeError is why a write was not answered with success.
type writeError struct {
	err  error
	sent bool // part of the request may have reached the API server
}

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// isFault tells whether an error counts against the API server.
func isFault(err error) bool { return kube.IsFault(err) }

// send carries out one write, once: client-go would by itself send it again for
// minutes when the API server says to wait, and hide that it did.
func (t *attempt) send(ctx context.Context, r *rest.Request) *writeError {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { sent.Store(true) },
		WroteHeaders:     func() { sent.Store(true) },
	})
	err := t.breaker.Do(func() error { return t.write(ctx, r) })
	if err == nil {
		t.remember()
		return nil
	}
	if s := statusOf(err); sent.Load() && (s == nil || s.Code >= http.StatusInternalServerError) {
		t.remember()
	}
	return &writeError{err, sent.Load()}
}

// unread is the result of an act whose target could not be read: nothing was
// done by this try.
func (t *attempt) unread(err error) remediate.Result {
	switch status := statusOf(err); {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return t.stopped("not allowed to read: %s; see the role that the loaded policies need", text(err))
	case status != nil && status.Code < 500 && status.Code != http.StatusTooManyRequests && status.Code != http.StatusNotFound:
		return t.stopped("read the target: %s", text(err))
	}
	return t.later(err)
}

// unsent is the result of a write that did not succeed, where it is the same
// for all kinds of acts. An answer that the kind knows better about is looked
// at before.
func (t *attempt) unsent(e *writeError) remediate.Result {
	var open *outbound.OpenError
	if errors.As(e.err, &open) {
		return t.later(e.err)
	}
	switch status := statusOf(e.err); {
	case status == nil && !e.sent:
		return t.later(e.err)
	case status == nil:
		return unknown("it was sent and no answer came: %s", text(e.err))
	case apierrors.IsConflict(e.err), status.Code == http.StatusTooManyRequests, status.Code == http.StatusServiceUnavailable:
		return t.later(e.err)
	case status.Code >= 500:
		return unknown("the API server could not say whether it was done: %s", text(e.err))
	case isUnheld(e.err):
		return t.unheldResult(e.err)
	case apierrors.IsForbidden(e.err), apierrors.IsUnauthorized(e.err):
		return failed("not allowed: %s; see the role that the loaded policies need", text(e.err))
	}
	return failed("the API server says: %s", text(e.err))
}

// later asks to be performed again under the same ID, as long as there is time.
func (t *attempt) later(err error) remediate.Result {
	wait, now := retryAfter, time.Now()
	if s, ok := apierrors.SuggestsClientDelay(err); ok && s > 0 {
		wait = time.Duration(s) * time.Second
	}
	until := now.Add(wait)
	var open *outbound.OpenError
	if errors.As(err, &open) && open.Until.After(now) {
		until = open.Until
	}
	if !t.Deadline.IsZero() && !until.Before(t.Deadline) {
		return t.stopped("gave up at its deadline: %s", text(err))
	}
	return remediate.Result{Outcome: remediate.Later, Until: until, Text: text(err)}
}

// stopped is a failure of this try. What an earlier one did, nobody knows.
func (t *attempt) stopped(format string, args ...any) remediate.Result {
	if t.again {
		return unknown(format, args...)
	}
	return failed(format, args...)
}

func ok(format string, args ...any) remediate.Result { return result(remediate.OK, format, args) }

func failed(format string, args ...any) remediate.Result {
	return result(remediate.Failed, format, args)
}

func refused(format string, args ...any) remediate.Result {
	return result(remediate.Refused, format, args)
}

func unknown(format string, args ...any) remediate.Result {
	return result(remediate.Unknown, format, args)
}

func result(outcome, format string, args []any) remediate.Result {
	return remediate.Result{Outcome: outcome, Text: fmt.Sprintf(format, args...)}
}

// statusOf returns what the API server, or a proxy before it, answered; nil when
// there was no answer.
func statusOf(err error) *metav1.Status {
	var s apierrors.APIStatus
	if !errors.As(err, &s) {
		return nil
	}
	status := s.Status()
	return &status
}

// text is err on one line, with the causes that the API server gave: they name
// the disruption budget, the field or the policy.
func text(err error) string {
	out := err.Error()
	if s := statusOf(err); s != nil && s.Details != nil {
		for _, c := range s.Details.Causes {
			if !strings.Contains(out, c.Message) {
				out += "; " + c.Message
			}
		}
	}
	out = strings.Join(strings.Fields(out), " ")
	if len(out) > 500 {
		out = out[:500] + "..."
	}
	return strings.ToValidUTF8(out, "?")
}

// ofAnother tells whether the API server says that the object has another UID
// than the one that was meant.
func ofAnother(err error) bool {
	if s := statusOf(err); s != nil && s.Details != nil {
		for _, c := range s.Details.Causes {
			if c.Field == "metadata.uid" {
				return true
			}
		}
	}
	return false
}
