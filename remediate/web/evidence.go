package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// Evidence is what was to be seen before something was destroyed: kept under
// its digest, and named by a fact of the incident.
type Evidence struct {
	Digest string    `json:"digest"` // SHA-256, in hexadecimal
	At     time.Time `json:"at"`
	Text   string    `json:"text"` // what it is and how large, in one line
}

// addEvidence adds what an answer says was kept. The same is kept once.
func (v *Incident) addEvidence(at time.Time, answers []remediate.Answer) {
	for _, a := range answers {
		digest := a.Values[remediate.ValueDigest]
		known := slices.ContainsFunc(v.Evidence, func(e Evidence) bool { return e.Digest == digest })
		if digest != "" && !known {
			v.Evidence = append(v.Evidence, Evidence{Digest: digest, At: at, Text: a.Text})
		}
	}
}

// evidence serves what was kept, as text. Only what the incident's own facts
// name is served: the journal keeps other things under their digests as well.
func (s *server) evidence(w http.ResponseWriter, r *http.Request) error {
	n, err := number(r.PathValue("id"))
	if err != nil {
		return err
	}
	facts, err := s.factsOf(r.Context(), n)
	if err != nil {
		return err
	}
	var v Incident
	v.addFacts(facts)
	digest := r.PathValue("digest")
	if !slices.ContainsFunc(v.Evidence, func(e Evidence) bool { return e.Digest == digest }) {
		return problemf(http.StatusNotFound, "no fact of i%d names evidence %.64q; /api/v1/incidents/%d lists what was kept", n, digest, n)
	}
	blob, err := s.opt.History.Kept(r.Context(), digest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return problemf(http.StatusNotFound, "evidence %.12s of i%d is kept no longer: it is older than the daemon's --storage.retention.evidence", digest, n)
	case err != nil:
		return problemf(http.StatusServiceUnavailable, "evidence %.12s of i%d cannot be read: %v; try again, and if it stays so look at the daemon's log", digest, n, err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`inline; filename="i%d-%.12s.txt"`, n, digest))
	_, _ = w.Write(blob) //nolint:gosec // it is plain text, and nosniff has it stay so
	return nil
}
