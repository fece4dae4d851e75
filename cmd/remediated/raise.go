package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/engine"
)

// looker shows the state. The engine is one.
type looker interface {
	Look(ctx context.Context, f func(*remediate.State, remediate.Rulebooks)) error
}

// How often what fires is told anew, and how long is waited in between.
const (
	raiseEvery = 30 * time.Second // leases are minutes
	raiseAgain = 5 * time.Second  // when it was not taken
	raiseGap   = time.Second      // what happens at once is told at once
	raiseLook  = 5 * time.Second  // for the engine to answer
	letGo      = 5 * time.Second  // for the Alertmanagers, when we stop
)

// holdWithin is how old an alert may be when its page begins to be held: the
// pager's group_wait. Of an older one the page may be out, and Alertmanager does
// not tell a pager that an alert resolved that resolves while it is held.
const holdWithin = 30 * time.Second

// raiser tells the Alertmanagers which alerts of ours fire: it renews them while
// they do, and ends them when they do no more. It keeps nothing: what it told
// before a crash runs out by itself, or is told again.
type raiser struct {
	live looker
	post func(context.Context, []remediate.Alert) error
	on   func() bool                // whether anything is raised beside drills; nil: it is
	page func(uint64) string        // the page of an incident; nil: there is none that people reach
	log  *slog.Logger               // of what is no fact: that it was not taken
	told map[string]remediate.Alert // what the Alertmanagers hold to fire, by its labels

	poked   chan struct{}
	trouble string // why the last round failed, as it was logged
}

func newRaiser(live looker, post func(context.Context, []remediate.Alert) error, log *slog.Logger) *raiser {
	return &raiser{live: live, post: post, log: log, told: map[string]remediate.Alert{}, poked: make(chan struct{}, 1)}
}

// poke has it look at once. It does not wait.
func (r *raiser) poke() {
	select {
	case r.poked <- struct{}{}:
	default:
	}
}

// run tells what fires until ctx ends. That is an orderly stop: nobody heals any
// more, so the pages that are held are let go at once. All else goes on firing
// until its lease is over, which a restart renews in time: what needs people
// needs them still.
func (r *raiser) run(ctx context.Context) error {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			r.release(ctx)
			return nil
		case <-next.C:
			err = r.round(ctx, true)
			next.Reset(raiseEvery)
		case <-r.poked:
			err = r.round(ctx, false)
		}
		if err != nil {
			next.Reset(raiseAgain)
		}
		r.tellTrouble(ctx, err)
		select {
		case <-ctx.Done():
		case <-time.After(raiseGap):
		}
	}
}

// round tells what is news, and all that fires when it is to be renewed.
func (r *raiser) round(ctx context.Context, renew bool) error {
	fires, err := r.firing(ctx)
	if err != nil {
		return fmt.Errorf("look at what is to fire: %w", err)
	}
	now := time.Now()
	var posts []remediate.Alert
	for key, a := range fires {
		before, known := r.told[key]
		if renew || !known || !maps.Equal(a.Annotations, before.Annotations) {
			posts = append(posts, a)
		}
	}
	posts = append(posts, over(r.told, fires, now)...)
	// What was begun is brought to its end, also when we stop: or nobody would
	// know what is held.
	if err := r.tell(context.WithoutCancel(ctx), posts); err != nil {
		return err
	}
	for key, a := range r.told {
		if _, still := fires[key]; !still || !a.EndsAt.After(now) {
			delete(r.told, key)
		}
	}
	for _, a := range posts {
		if a.EndsAt.After(now) {
			r.told[a.Labels.String()] = a
		}
	}
	return nil
}

// firing is what is to fire, by its labels.
func (r *raiser) firing(ctx context.Context) (map[string]remediate.Alert, error) {
	out := map[string]remediate.Alert{}
	ctx, cancel := context.WithTimeout(ctx, raiseLook)
	defer cancel()
	now := time.Now()
	var all []remediate.Alert
	err := r.live.Look(ctx, func(s *remediate.State, books remediate.Rulebooks) { all = remediate.Raised(s, books, now) })
	if err != nil {
		return nil, err
	}
	drillsOnly := r.on != nil && !r.on()
	for _, a := range all {
		key := a.Labels.String()
		if drillsOnly && a.Labels.Get(remediate.DrillLabel) == "" {
			continue
		}
		if a.Name() == remediate.InProgressAlert && now.Sub(a.StartsAt) > holdWithin && !r.told[key].EndsAt.After(now) {
			continue // it is not held yet, and its page may be out
		}
		a.GeneratorURL = r.link(a)
		out[key] = a
	}
	return out, nil
}

// over is what was told to fire and does no more, ended now. What has run out
// needs no word.
func over(told, fires map[string]remediate.Alert, now time.Time) []remediate.Alert {
	var out []remediate.Alert
	for key, a := range told {
		if _, still := fires[key]; still || !a.EndsAt.After(now) {
			continue
		}
		a.EndsAt = now
		out = append(out, a)
	}
	return out
}

// tell posts in a fixed order.
func (r *raiser) tell(ctx context.Context, posts []remediate.Alert) error {
	if len(posts) == 0 {
		return nil
	}
	slices.SortFunc(posts, func(a, b remediate.Alert) int { return strings.Compare(a.Labels.String(), b.Labels.String()) })
	return r.post(ctx, posts)
}

// release ends what holds a page.
func (r *raiser) release(ctx context.Context) {
	held := maps.Clone(r.told)
	maps.DeleteFunc(held, func(_ string, a remediate.Alert) bool { return a.Name() != remediate.InProgressAlert })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGo)
	defer cancel()
	if err := r.tell(ctx, over(held, nil, time.Now())); err != nil {
		r.log.Error("the pages that are held could not be let go; they are when their lease is over", "err", err)
	}
}

// link is the page of the incident that an alert is about, "" when there is none.
func (r *raiser) link(a remediate.Alert) string {
	n, err := strconv.ParseUint(strings.TrimPrefix(a.Labels.Get("incident"), "i"), 10, 64)
	if r.page == nil || err != nil {
		return ""
	}
	return r.page(n)
}

// tellTrouble logs once why what fires is not told.
func (r *raiser) tellTrouble(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil || errors.Is(err, engine.ErrStopped) {
		r.trouble = ""
		return
	}
	if text := err.Error(); text != r.trouble {
		r.trouble = text
		r.log.Error("the Alertmanagers are not told which alerts of ours fire; it is tried again", "err", err)
	}
}
