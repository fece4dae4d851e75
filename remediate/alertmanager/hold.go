package alertmanager

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/x0tta6bl4/remediated/remediate"
)

// A silence of ours is made by an act, for the time of a procedure, and says in
// its comment by which one. So it is found again by whoever carries on, and what
// people silence, though it be the same alerts, is never taken for ours.

// ownComment is how the comment of each silence of ours begins.
var ownComment = regexp.MustCompile(`^remediated/attempt: ([a-z0-9-]+);`)

// commentOf is the comment of the silence that an act makes.
func commentOf(s remediate.Started) string {
	return fmt.Sprintf("remediated/attempt: %s; for the time of a procedure of incident %d, which ends it", s.ID, s.Incident)
}

// mark is the ID of the act that made the silence, "" when it is none of ours.
func (s silence) mark() string {
	m := ownComment.FindStringSubmatch(s.comment)
	if s.by != OwnCreator || m == nil {
		return ""
	}
	return m[1]
}

// held is what one Alertmanager has of the silences that are looked for.
type held struct {
	*peer
	web   *http.Client // by which it is written to
	found []silence
	err   error // it did not say
}

// live are those that silence.
func (h held) live() []silence {
	return slices.DeleteFunc(slices.Clone(h.found), func(s silence) bool { return s.state == models.SilenceStatusStateExpired })
}

// holds looks which silences of ours each Alertmanager has, in the order of the
// configuration.
func (c *Client) holds(ctx context.Context, wanted func(mark string) bool) holdings {
	all := make(holdings, len(c.peers))
	var wg sync.WaitGroup
	for i, p := range c.peers {
		wg.Go(func() {
			listed, err := p.silences(ctx)
			found := slices.DeleteFunc(listed, func(s silence) bool { return s.mark() == "" || !wanted(s.mark()) })
			all[i] = held{p, c.posting(i), found, err}
		})
	}
	wg.Wait()
	return all
}

// settle looks again and again, until enough is said by all that answer, or word
// had the time to get around between the Alertmanagers.
func (c *Client) settle(ctx context.Context, wanted func(mark string) bool, enough func(held) bool) holdings {
	end, again := time.NewTimer(c.o.Gossip), time.NewTicker(max(c.o.Gossip/20, time.Millisecond))
	defer end.Stop()
	defer again.Stop()
	for {
		all := c.holds(ctx, wanted)
		if !slices.ContainsFunc(all.answered(), func(h held) bool { return !enough(h) }) {
			return all
		}
		select {
		case <-ctx.Done():
			return all
		case <-end.C:
			return all
		case <-again.C:
		}
	}
}

// holdings are what all Alertmanagers have.
type holdings []held

// answered are those that said what they have.
func (hs holdings) answered() holdings { return hs.which(func(h held) bool { return h.err == nil }) }

// which are those of which something holds.
func (hs holdings) which(is func(held) bool) holdings {
	return slices.DeleteFunc(slices.Clone(hs), func(h held) bool { return !is(h) })
}

// hasFound and hasLive tell what is looked for.
func hasFound(h held) bool { return len(h.found) > 0 }
func hasLive(h held) bool  { return len(h.live()) > 0 }

// until is when the last of what was found ends by itself.
func (hs holdings) until() (last time.Time) {
	for _, h := range hs {
		for _, s := range h.found {
			if s.endsAt.After(last) {
				last = s.endsAt
			}
		}
	}
	return last
}

// unasked says why some did not answer, "" when all did.
func (hs holdings) unasked() string {
	var all []string
	for _, h := range hs {
		if h.err != nil {
			all = append(all, brief(h.err))
		}
	}
	return strings.Join(all, "; ")
}

// names names them.
func (hs holdings) names() string {
	var all []string
	for _, h := range hs {
		all = append(all, h.name)
	}
	return strings.Join(all, ", ")
}
