package alertmanager

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/x0tta6bl4/remediated/remediate"
)

// IntakeOptions say what becomes of webhooks.
type IntakeOptions struct {
	// Submit hands over all alerts of one webhook. When it returns nil they
	// are durably kept; on any error Alertmanager is told to try again.
	// Required.
	Submit func(ctx context.Context, batch []remediate.Input) error
	// Quarantine keeps what could not be read, or the beginning of it, for
	// people to look at. Required.
	Quarantine func(ctx context.Context, body []byte, why string)
	// Pull asks for a listing at once, because a webhook did not hold all
	// that it is about. It does not wait. nil: nothing is asked for.
	Pull func()
	// TokenFiles name files with a bearer token each, any of which is valid:
	// two while one is being replaced. They are read at each webhook. Without
	// them only verified client certificates and this machine are let in.
	TokenFiles []string
	// Guess bounds how often tokens are guessed. It is asked before a token is
	// compared, and what it returns is told whether the token was right; it
	// returns nil when no more is compared for now. nil: there is no bound.
	Guess func(*http.Request) (done func(right bool))
	// Limits that are zero get their defaults.
	Limits Limits
	// Groups says that the group of each alert is kept, see
	// [remediate.Alert.Group]. It is asked at each webhook; nil: it is not.
	Groups func() bool
	// Observe hears of each delivery after it was answered. nil: nobody does.
	Observe func(Delivery)
	// Seen hears of each firing alert of a webhook that was accepted, also of a
	// repeat that is no news. It must not block. nil: nobody does.
	Seen func(remediate.Labels)
}

// Limits bound what one webhook, and all of them at a time, may cost.
type Limits struct {
	Body       int64         // bytes of a body; default 4 MiB
	Alerts     int           // of one webhook; default 10000
	Concurrent int64         // webhooks that are read at a time; default 16
	Turn       time.Duration // until a webhook is read, when that many are being read; default 1 s
	Quarantine int           // bytes that are kept of what cannot be read; default 64 KiB
	Read       time.Duration // until the body must be there; default 10 s
	Submit     time.Duration // until it must be handed over; default 10 s, so that a second Alertmanager, which waits 15 s for the first, does not send as well
}

// DefaultLimits returns the limits that stand for zero ones.
func DefaultLimits() Limits {
	return Limits{
		Body: 4 << 20, Alerts: 10000, Concurrent: 16, Quarantine: 64 << 10,
		Turn: time.Second, Read: 10 * time.Second, Submit: 10 * time.Second,
	}
}

// orDefaults returns the limits with zeros replaced, or an error when one is
// negative.
func (l Limits) orDefaults() (Limits, error) {
	if min(l.Body, int64(l.Alerts), l.Concurrent, int64(l.Quarantine), int64(l.Turn), int64(l.Read), int64(l.Submit)) < 0 {
		return l, fmt.Errorf("a limit in %+v is negative: want 0 for its default, or more", l)
	}
	d := DefaultLimits()
	return Limits{
		Body: cmp.Or(l.Body, d.Body), Alerts: cmp.Or(l.Alerts, d.Alerts), Concurrent: cmp.Or(l.Concurrent, d.Concurrent),
		Quarantine: cmp.Or(l.Quarantine, d.Quarantine), Turn: cmp.Or(l.Turn, d.Turn), Read: cmp.Or(l.Read, d.Read), Submit: cmp.Or(l.Submit, d.Submit),
	}, nil
}

// Outcome says in one word what became of a delivery. It is short enough to be
// a metric's label.
type Outcome string

// Outcomes of a delivery, and what was answered.
const (
	Accepted     Outcome = "accepted"     // 200: all that could be read is kept
	Unauthorized Outcome = "unauthorized" // 401: nothing was read
	NotPosted    Outcome = "not_posted"   // 405
	Garbage      Outcome = "garbage"      // 400: nothing of it could be read; a copy is in quarantine
	Oversized    Outcome = "oversized"    // 503: it, or each of its alerts that is well-formed, is over a limit; its beginning is in quarantine, a listing is asked for
	Unread       Outcome = "unread"       // 503: the body did not come, or not in time
	Overloaded   Outcome = "overloaded"   // 503: nothing was read, too many are being read
	NotKept      Outcome = "not_kept"     // 503: it could not be handed over
	NoTokens     Outcome = "no_tokens"    // 503: a token file cannot be read
	Guessed      Outcome = "guessed"      // 503: too many wrong tokens came from this address
)

// Outcomes are all that there are.
func Outcomes() []Outcome {
	return []Outcome{Accepted, Unauthorized, NotPosted, Garbage, Oversized, Unread, Overloaded, NotKept, NoTokens, Guessed}
}

// Delivery is what became of one webhook.
type Delivery struct {
	Outcome   Outcome
	Code      int    // HTTP status that was answered
	Why       string // as it was answered; when accepted, why some alerts could not be read
	Err       error  // what was behind it, with what is no stranger's business
	Receiver  string // Alertmanager's, unquoted
	Firing    int    // alerts that were handed over as firing
	Resolved  int    // and as resolved
	Garbage   int    // alerts that could not be read, each in quarantine
	Truncated uint64 // alerts that Alertmanager left out (max_alerts)
	Took      time.Duration
}

// Intake is the handler that an Alertmanager's webhook_config points to.
//
// Answers and what they make Alertmanager do: 200 ends the notification; 503
// has it try again, within seconds at first and until the group's next flush;
// 400 has it wait for the next flush. A webhook of which only some alerts can
// be read is accepted: trying again would not make the others readable, and
// the copy in quarantine and the listing are what is left of them.
type Intake struct {
	o     IntakeOptions
	gate  gate
	slots *semaphore.Weighted
}

// NewIntake returns the handler for these options, or an error that names the
// one that is missing or wrong.
func NewIntake(o IntakeOptions) (*Intake, error) {
	if o.Submit == nil {
		return nil, errors.New("alertmanager intake: IntakeOptions.Submit is missing")
	}
	if o.Quarantine == nil {
		return nil, errors.New("alertmanager intake: IntakeOptions.Quarantine is missing")
	}
	gate, err := newGate(o)
	if err != nil {
		return nil, err
	}
	if o.Limits, err = o.Limits.orDefaults(); err != nil {
		return nil, fmt.Errorf("alertmanager intake: %w", err)
	}
	if o.Pull == nil {
		o.Pull = func() {}
	}
	if o.Observe == nil {
		o.Observe = func(Delivery) {}
	}
	if o.Seen == nil {
		o.Seen = func(remediate.Labels) {}
	}
	return &Intake{o: o, gate: gate, slots: semaphore.NewWeighted(o.Limits.Concurrent)}, nil
}

// ServeHTTP takes one webhook.
func (in *Intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	d := in.take(w, r)
	answer(w, d)
	d.Took = time.Since(begun)
	in.o.Observe(d)
}

// take does all but answer.
func (in *Intake) take(w http.ResponseWriter, r *http.Request) Delivery {
	if d := in.gate.refusal(r); d.Code != 0 {
		return d
	}
	if r.Method != http.MethodPost {
		return Delivery{Outcome: NotPosted, Code: http.StatusMethodNotAllowed, Why: "a webhook is posted"}
	}
	said, d := in.understand(w, r)
	if d.Code != 0 {
		return d
	}
	return in.handOver(r.Context(), said)
}

// understand reads a webhook and what it says, or says why that cannot be. So many
// are read at a time, since it takes memory; others wait for a moment, because nobody
// can know unread which of them matters. To be decided about they wait elsewhere, by
// how bad they are.
func (in *Intake) understand(w http.ResponseWriter, r *http.Request) (delivered, Delivery) {
	if !in.awaitTurn(r.Context()) {
		return delivered{}, Delivery{Outcome: Overloaded, Code: http.StatusServiceUnavailable, Why: fmt.Sprintf("%d webhooks are being read already: try again", in.o.Limits.Concurrent)}
	}
	defer in.slots.Release(1)

	body, err := in.read(w, r)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return delivered{}, in.oversized(r.Context(), body, fmt.Sprintf("the body is larger than %d bytes: lower the webhook's max_alerts or group less", tooLarge.Limit))
	}
	if err != nil {
		return delivered{}, Delivery{Outcome: Unread, Code: http.StatusServiceUnavailable, Why: "the body did not come, or not in time: try again", Err: fmt.Errorf("read webhook: %w", err)}
	}
	said, err := parse(body, in.o.Limits.Alerts, in.o.Groups != nil && in.o.Groups())
	if errors.Is(err, errTooMany) {
		return delivered{}, in.oversized(r.Context(), body, err.Error()+": lower the webhook's max_alerts or group less")
	}
	if err != nil {
		in.quarantine(r.Context(), body, err.Error())
		return delivered{}, Delivery{Outcome: Garbage, Code: http.StatusBadRequest, Why: err.Error(), Err: err}
	}
	return said, Delivery{}
}

// awaitTurn takes one of the slots in which webhooks are read, false when none became
// free in time.
func (in *Intake) awaitTurn(ctx context.Context) bool {
	if in.slots.TryAcquire(1) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, in.o.Limits.Turn)
	defer cancel()
	return in.slots.Acquire(ctx, 1) == nil
}

// read returns the body, or as much of it as came before the error. The
// server lifts the deadline itself once the body is read.
func (in *Intake) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(in.o.Limits.Read))
	if err != nil && !errors.Is(err, http.ErrNotSupported) { // a test's recorder has no connection
		return nil, err
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, in.o.Limits.Body))
}

// oversized is the end of a webhook that is over a limit. It cannot be told
// whether it was well-formed, so it is not refused for good; what fires is
// heard of by the listing meanwhile.
func (in *Intake) oversized(ctx context.Context, body []byte, why string) Delivery {
	in.quarantine(ctx, body, why)
	in.o.Pull()
	return Delivery{Outcome: Oversized, Code: http.StatusServiceUnavailable, Why: why}
}

// handOver submits what could be read.
func (in *Intake) handOver(ctx context.Context, said delivered) Delivery {
	if len(said.garbage) > 0 {
		in.quarantine(ctx, lines(said.garbage), said.why)
	}
	if said.truncated > 0 || len(said.garbage) > 0 {
		in.o.Pull()
	}
	d := Delivery{Receiver: said.receiver, Garbage: len(said.garbage), Truncated: said.truncated, Why: said.why}
	switch {
	case len(said.batch) > 0:
	case said.tooLarge: // it is an alert, so it is not refused for good
		d.Outcome, d.Code = Oversized, http.StatusServiceUnavailable
		return d
	default:
		d.Outcome, d.Code = Garbage, http.StatusBadRequest
		return d
	}
	ctx, cancel := context.WithTimeout(ctx, in.o.Limits.Submit)
	defer cancel()
	if err := in.o.Submit(ctx, said.batch); err != nil {
		d.Outcome, d.Code, d.Why = NotKept, http.StatusServiceUnavailable, "the alerts could not be kept, try again: "+err.Error()
		d.Err = fmt.Errorf("submit webhook: %w", err)
		return d
	}
	for _, input := range said.batch {
		if heard, ok := input.(remediate.Heard); ok && heard.Firing {
			in.o.Seen(heard.Alert.Labels)
		}
	}
	d.Outcome, d.Code, d.Firing, d.Resolved = Accepted, http.StatusOK, said.firing, said.resolved
	return d
}

// lines puts what could not be read one under the other.
func lines(raw []json.RawMessage) []byte {
	var b bytes.Buffer
	for _, r := range raw {
		b.Write(r)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// quarantine keeps the beginning of body, also when the sender hung up.
func (in *Intake) quarantine(ctx context.Context, body []byte, why string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.o.Limits.Submit)
	defer cancel()
	in.o.Quarantine(ctx, body[:min(len(body), in.o.Limits.Quarantine)], why)
}

// retryAfter is what a 503 asks for, in seconds. Alertmanager has its own
// mind about it; what stands between us may not.
const retryAfter = 5

// answer writes the response. Alertmanager logs the text of a refusal.
func answer(w http.ResponseWriter, d Delivery) {
	h := w.Header()
	switch d.Code {
	case http.StatusOK:
		fmt.Fprintf(w, "%d firing, %d resolved, %d unreadable\n", d.Firing, d.Resolved, d.Garbage)
		return
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if d.Outcome == Unauthorized || d.Outcome == Guessed || d.Outcome == Overloaded {
		h.Set("Connection", "close") // or the server reads the body, to use the connection again
	}
	http.Error(w, d.Why, d.Code)
}
