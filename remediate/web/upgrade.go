package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Upgrade is which release decides, and what is known of how it differs from the
// one before.
type Upgrade struct {
	Release  string    `json:"release"`
	From     string    `json:"from,omitempty"` // the one before, when it was written down
	Since    time.Time `json:"since"`
	Held     bool      `json:"held"`               // it only observes, until it is accepted or nothing is found to differ
	Accepted string    `json:"accepted,omitempty"` // who let it act that was held
	// Compared tells whether the last days were decided again, and what follows
	// what came of it.
	Compared bool      `json:"compared"`
	After    time.Time `json:"after,omitzero"`    // from this time on is compared
	Facts    uint64    `json:"facts,omitempty"`   // so many were compared
	Changed  int       `json:"changed,omitempty"` // so many decisions are others
	Why      string    `json:"why,omitempty"`     // it broke off: nobody knows about the rest
	Says     string    `json:"says,omitempty"`    // what came of it, in words

	details string // digest of the changes
}

// UpgradeChanges is the answer of /api/v1/upgrade: an upgrade, with the decisions
// that are others, the first hundred of them.
type UpgradeChanges struct {
	Upgrade
	Changes []Change `json:"changes"`
}

// Change is a decision that this release comes to otherwise than it was.
type Change struct {
	Seq      uint64    `json:"seq"` // of the fact, or of the first of its moment
	At       time.Time `json:"at"`
	Incident uint64    `json:"incident,omitempty"`
	Was      []string  `json:"was"` // in words, a line each
	Is       []string  `json:"is"`
}

// upgradeOf is nil when it is not known which release decides.
func upgradeOf(r remediate.Release) *Upgrade {
	if r.Name == "" {
		return nil
	}
	u := &Upgrade{Release: r.Name, From: r.From, Since: r.Since, Held: r.Held, Accepted: r.Accepted}
	if c := r.Compared; c != nil {
		u.Compared, u.After, u.Facts, u.Changed, u.Why = true, c.Since, c.Facts, c.Changed, c.Why
		u.Says, u.details = c.String(), c.Details
	}
	return u
}

func (s *server) upgrade(r *http.Request) (any, error) { return s.upgradeChanges(r.Context()) }

func (s *server) upgradeChanges(ctx context.Context) (UpgradeChanges, error) {
	var u *Upgrade
	if err := s.look(ctx, func(st *remediate.State, _ remediate.Rulebooks) { u = upgradeOf(st.Release) }); err != nil {
		return UpgradeChanges{}, err
	}
	if u == nil {
		return UpgradeChanges{}, problemf(http.StatusNotFound, "this journal does not say which release decides")
	}
	c := UpgradeChanges{Upgrade: *u, Changes: []Change{}}
	if u.details == "" {
		return c, nil
	}
	b, err := s.opt.History.Kept(ctx, u.details)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c.Changes); err != nil {
		return c, problemf(http.StatusInternalServerError, "the changes that were kept cannot be read: %v", err)
	}
	return c, nil
}
