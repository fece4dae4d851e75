package web

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Live is the running decider.
type Live interface {
	// Look runs f on the state between two rounds. f changes nothing and keeps
	// nothing of what it is shown.
	Look(ctx context.Context, f func(*remediate.State, remediate.Rulebooks)) error
	// Command hands over a human's word and returns when it is durable. It
	// returns a [*remediate.RefusedError] when the word does not fit.
	Command(ctx context.Context, c remediate.Command) error
}

// History is what the journal remembers, for reading.
type History interface {
	// Closed returns incidents that are closed and fit, newest first.
	Closed(ctx context.Context, which Closed) ([]Row, error)
	// Facts returns the facts of one incident, open or closed, oldest first,
	// and none when it is not known. An [remediate.AlertFiring] among them,
	// before the fact that opens or joins, names the alert; without it the name
	// is taken from what was asked and told.
	Facts(ctx context.Context, incident uint64) ([]remediate.Fact, error)
	// Kept returns what was kept under a digest that a fact names. The error is
	// an [fs.ErrNotExist] when there is nothing.
	Kept(ctx context.Context, digest string) ([]byte, error)
	// Since yields the facts from the one numbered from on, oldest first, and at
	// most one error, at the end. It begins with the first that is kept when that
	// one is not any more.
	Since(ctx context.Context, from uint64) iter.Seq2[remediate.Fact, error]
}

// Closed selects closed incidents. What is zero selects all.
type Closed struct {
	Policy   string
	Severity remediate.Severity
	Before   uint64 // only those with a smaller number
	Limit    int    // how many at most; from 1 to 1000
}

// Reload reads the configuration anew for whoever asks, "" when nobody knows
// who that is. It returns a [*remediate.RefusedError] when it is not theirs to
// ask for.
type Reload func(ctx context.Context, by string) error

// Row is one incident as lists show it.
type Row struct {
	Number   uint64             `json:"number"` // 42; shown as i42
	Policy   string             `json:"policy"`
	Severity remediate.Severity `json:"severity"`
	Status   remediate.Status   `json:"status"`
	Why      string             `json:"why,omitempty"` // the reason for the status, where there is one
	// Happening says in one line what is happening. It is filled in by this
	// package.
	Happening string           `json:"happening"`
	Target    remediate.Target `json:"target,omitzero"` // cluster/kind/namespace/name
	Alert     string           `json:"alert,omitempty"` // alertname of the alert that opened it: text from outside
	Firing    int              `json:"firing"`          // alerts of it that still fire
	Attempts  int              `json:"attempts"`        // how many were begun
	Told      string           `json:"told,omitempty"`  // the rung of the ladder that was told last
	Found     bool             `json:"found,omitempty"` // it fired before the journal or the policy existed
	Drill     string           `json:"drill,omitempty"` // which drill it is: nothing is broken
	Live      string           `json:"live,omitempty"`  // which live drill it was announced by: it was broken on purpose
	Exhausted bool             `json:"exhausted,omitempty"`
	Opened    time.Time        `json:"opened"`
	Healed    time.Time        `json:"healed,omitzero"` // the first good sample of the verification that held
	Closed    time.Time        `json:"closed,omitzero"`
	Took      model.Duration   `json:"took,omitempty"`     // from Opened to Healed
	Verified  bool             `json:"verified,omitempty"` // a verification held after the last act

	asking string // what is being looked at that the status does not tell
}

// Options are what a handler needs. Live and History must be given.
type Options struct {
	Live    Live
	History History

	Metrics http.Handler                  // of /metrics; nil answers 404
	Ready   func() error                  // of /-/ready: why it is not ready; nil is always ready
	Reload  Reload                        // of /-/reload; nil answers 404
	Check   func(context.Context) []Check // of /api/v1/check; nil checks nothing
	Now     func() time.Time              // nil is time.Now
	Log     *slog.Logger                  // of pages that could not be written; nil discards
	Version string                        // as /api/v1/status shows it
	Leader  string                        // which of several replicas this is, as /api/v1/status shows it; "": there are no others
	// Feed says when something has changed, so that pages that are looked at show
	// it. nil: they ask again every few seconds.
	Feed *Feed
	// May says why somebody may not give a command, nil when they may: what nobody
	// could press is not offered. The decider has the last word all the same. nil:
	// everything is offered to everybody.
	May func(context.Context, remediate.Command) error
	// Links are where else there is something to be seen.
	Links func() Links

	// Admit says whom a request is of, as it has proven, "" when none need prove
	// it. A command is by whom was proven, whatever the request says; where
	// nobody was, by whom the request names. An error keeps the request out, a
	// [*NotAdmittedError] with its own status, any other with 401. It is asked
	// about every path but [OpenPaths]. nil admits everybody unproven.
	Admit func(*http.Request) (by string, err error)
	// Hosts are the host names under which a reverse proxy or a tunnel reaches
	// a listener on loopback. Others than these, localhost and plain addresses
	// are refused there: a web site could otherwise point a name of its own at
	// 127.0.0.1 and speak as the user's browser.
	Hosts []string
}

// Links are the addresses of others' pages, as people reach them; "" is not
// known, and not linked.
type Links struct {
	Alertmanager string
	Prometheus   string
}

func (o Options) withDefaults() Options {
	if o.Metrics == nil {
		o.Metrics = http.NotFoundHandler()
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Admit == nil {
		o.Admit = func(*http.Request) (string, error) { return "", nil }
	}
	if o.May == nil {
		o.May = func(context.Context, remediate.Command) error { return nil }
	}
	if o.Links == nil {
		o.Links = func() Links { return Links{} }
	}
	if o.Check == nil {
		o.Check = func(context.Context) []Check { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
