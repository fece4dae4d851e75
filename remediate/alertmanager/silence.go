package alertmanager

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
	"unicode"

	clientsilence "github.com/prometheus/alertmanager/api/v2/client/silence"
	"github.com/prometheus/alertmanager/api/v2/models"
)

// silence is what people want to know of one.
type silence struct {
	id, by, comment string
	state           string // active, pending or expired
	endsAt, changed time.Time
}

// Limits of what is shown of a silence, in characters. Anybody who may silence
// may write a book into one.
const (
	shortID    = 8
	maxName    = 80
	maxComment = 200
)

// String returns, for example,
// "silence 7c1ad3f2 by anna until 2026-01-14T12:00:00Z: maintenance".
func (s silence) String() string {
	text := "silence " + short(s.id)
	if by := oneLine(s.by, maxName); by != "" {
		text += " by " + by
	}
	text += " until " + s.endsAt.UTC().Format(time.RFC3339)
	if comment := oneLine(s.comment, maxComment); comment != "" {
		text += ": " + comment
	}
	return text
}

// short returns the beginning of an id, which is enough to find it by.
func short(id string) string {
	id = oneLine(id, maxName)
	for n := range id {
		if n >= shortID { // all ids are ASCII, and if not, this cuts between characters
			return id[:n]
		}
	}
	return id
}

// oneLine returns text from outside as one printable line of at most limit
// characters, the last of which is "…" when it was longer.
func oneLine(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r): // also what turns the direction of writing
			return -1
		}
		return r
	}, text)
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > limit {
		return string(line[:limit-1]) + "…"
	}
	return string(line)
}

// silences looks the silences with these ids up at all Alertmanagers, and
// returns those that any of them knows. When they differ, because one was just
// extended, the newest word holds; so it does over what was learnt before, so
// that a text does not come and go with an Alertmanager that is behind.
func (c *Client) silences(ctx context.Context, ids []string) map[string]silence {
	if len(ids) == 0 {
		return nil // nothing to look up is the usual case: nobody is asked
	}
	found := make([][]silence, len(c.peers))
	var wg sync.WaitGroup
	for i, p := range c.peers {
		// What nobody tells of keeps its id and stays a stop.
		wg.Go(func() { found[i], _ = p.silences(ctx) })
	}
	wg.Wait()
	wanted, out := map[string]bool{}, map[string]silence{}
	for _, id := range ids {
		wanted[id] = true
		if s, known := c.memory.silence(id); known {
			out[id] = s
		}
	}
	for _, all := range found {
		for _, s := range all {
			if before, known := out[s.id]; wanted[s.id] && (!known || s.changed.After(before.changed)) {
				out[s.id] = s
			}
		}
	}
	return out
}

// silences returns all silences that this Alertmanager has. Expired ones are
// among them: one may end between the listing of what it silenced and this.
func (p *peer) silences(ctx context.Context) ([]silence, error) {
	var listed models.GettableSilences
	err := p.do(ctx, "silences", func(ctx context.Context) error {
		ok, err := p.api.Silence.GetSilences(clientsilence.NewGetSilencesParamsWithContext(ctx).WithTimeout(p.o.Timeout))
		if err != nil {
			return err
		}
		if ok.Payload == nil {
			return errors.New("the answer is no list of silences: is this an Alertmanager?")
		}
		listed = ok.Payload
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]silence, 0, len(listed))
	for _, g := range listed {
		if g == nil || g.ID == nil || g.CreatedBy == nil || g.Comment == nil || g.EndsAt == nil || g.UpdatedAt == nil {
			continue
		}
		s := silence{
			id: *g.ID, by: *g.CreatedBy, comment: *g.Comment,
			endsAt: time.Time(*g.EndsAt), changed: time.Time(*g.UpdatedAt),
		}
		if g.Status != nil && g.Status.State != nil {
			s.state = *g.Status.State
		}
		out = append(out, s)
	}
	return out, nil
}
