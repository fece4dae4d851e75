package engine

import (
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
)

// jump is how far the wall clock and the monotonic one may disagree before it
// is a fact.
const jump = 5 * time.Second

// clock tells facts' time: the wall's, but never slower than the monotonic
// clock since the last reading, so that a wall clock set back stops no
// deadline.
type clock struct {
	wall  func(time.Time) time.Time // what the wall's clock shows at a reading, in a test in which it is set; nil: the reading itself
	read  time.Time                 // last reading, with its monotonic part
	shown time.Time                 // what the wall's clock showed then
	told  time.Time                 // what was told then
}

// look reads both clocks.
func (c *clock) look() (read, shown time.Time) {
	read = time.Now()
	if c.wall != nil {
		return read, c.wall(read).Round(0)
	}
	return read, read.Round(0)
}

// from begins at the time of the last fact of a journal, when that is ahead of
// the wall's clock: facts' time goes on from there.
func (c *clock) from(last time.Time) {
	c.read, c.shown = c.look()
	c.told = c.shown
	if last.After(c.told) {
		c.told = last
	}
}

// steady returns a clock for whoever is not in the loop: it goes on from what
// was told last, at the pace of the monotonic one.
func (c *clock) steady() func() time.Time {
	read, told := time.Now(), c.told
	return func() time.Time { return told.Add(time.Since(read)) }
}

// now returns the facts' time, and by how much the wall clock jumped since the
// last reading when that is more than it should.
func (c *clock) now() (at time.Time, jumped time.Duration) {
	read, shown := c.look()
	at = shown
	if !c.read.IsZero() {
		elapsed := read.Sub(c.read)
		if by := shown.Sub(c.shown) - elapsed; by.Abs() > jump {
			jumped = by
		}
		if steady := c.told.Add(elapsed); steady.After(at) {
			at = steady
		}
	}
	c.read, c.shown, c.told = read, shown, at
	return at, jumped
}

// of is the facts' time of a moment that was read off this machine's clock. The
// two differ for as long as facts' time is ahead. Zero stays zero.
func (c *clock) of(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return c.told.Add(t.Sub(c.read))
}

// reported brings what a performer came back with to facts' time: its own is
// the machine's. A try that is due in five seconds would be due at once else,
// and what was good again a minute ago would have been so before it broke.
func (c *clock) reported(r remediate.Reported) remediate.Reported {
	r.Until, r.FirstGood = c.of(r.Until), c.of(r.FirstGood)
	return r
}

// command does the same for a human's word that is to hold until some hour.
func (c *clock) command(w remediate.Command) remediate.Command {
	w.Until = c.of(w.Until)
	return w
}

// listing does the same for a listing: what is heard of meanwhile is later
// than when it was begun.
func (c *clock) listing(l remediate.Listing) remediate.Listing {
	l.At = c.of(l.At)
	return l
}
