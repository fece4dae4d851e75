package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
)

// record answers with the recovery record of one incident, as it stands now.
func (s *server) record(r *http.Request) (any, error) {
	n, err := number(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.recordOf(r.Context(), n)
}

// recordOf is the recovery record of one incident.
func (s *server) recordOf(ctx context.Context, n uint64) (record.Record, error) {
	facts, err := s.factsOf(ctx, n)
	if err != nil {
		return record.Record{}, err
	}
	log := record.New(record.Only(n), func(digest string) (*remediate.Rulebook, error) { return s.rulebook(ctx, digest) })
	for _, f := range facts {
		if err := log.Hear(f); err != nil {
			return record.Record{}, problemf(http.StatusServiceUnavailable, "the rulebook that i%d was opened under cannot be read: %v", n, err)
		}
	}
	all := log.At(s.opt.Now().UTC().Truncate(time.Millisecond))
	if len(all) == 0 {
		return record.Record{}, problemf(http.StatusNotFound, "the fact that opened i%d is kept here no longer: there is no record without it", n)
	}
	return all[0], s.nameRecord(ctx, &all[0], facts)
}

// nameRecord adds what is known of the alert, where the incident's own facts do
// not tell: while it is open the daemon itself does.
func (s *server) nameRecord(ctx context.Context, rec *record.Record, facts []remediate.Fact) error {
	if rec.Alert != "" {
		return nil
	}
	i := fold(facts)
	return s.look(ctx, func(st *remediate.State, _ remediate.Rulebooks) {
		if open := st.Incidents.Look(rec.Incident); open != nil {
			i = open
		}
		for _, f := range facts {
			b, ok := f.Body.(remediate.Opened)
			if known := st.Known[b.Alert]; ok && known != nil && !known.StartsAt.After(f.At) {
				rec.Times.Fires = known.StartsAt
			}
		}
		if i != nil {
			rec.Alert, rec.Labels = i.Alert.Name(), slices.Clone(i.Alert.Labels)
		}
	})
}

// rulebook returns one by its digest: one that is in force for an incident, or
// else one that was kept.
func (s *server) rulebook(ctx context.Context, digest string) (book *remediate.Rulebook, err error) {
	err = s.look(ctx, func(_ *remediate.State, books remediate.Rulebooks) { book = books[digest] })
	if err != nil || book != nil {
		return book, err
	}
	text, err := s.opt.History.Kept(ctx, digest)
	if err != nil {
		return nil, err
	}
	return remediate.DecodeRulebook(text)
}
