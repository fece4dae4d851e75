package engine

import "time"

// jump is how far the wall clock and the monotonic one may disagree before it
// is a fact.
const jump = 5 * time.Second

// clock tells facts' time: the wall's, but never slower than the monotonic
// clock since the last reading, so that a wall clock set back stops no
// deadline.
type clock struct {
	read time.Time // last reading, with its monotonic part
	told time.Time // what was told then
}

// from begins at the time of the last fact of a journal, when that is ahead of
// the wall's clock: facts' time goes on from there.
func (c *clock) from(last time.Time) {
	c.read = time.Now()
	c.told = c.read.Round(0)
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
	read := time.Now()
	at = read.Round(0)
	if !c.read.IsZero() {
		elapsed := read.Sub(c.read)
		if by := read.Round(0).Sub(c.read.Round(0)) - elapsed; by.Abs() > jump {
			jumped = by
		}
		if steady := c.told.Add(elapsed); steady.After(at) {
			at = steady
		}
	}
	c.read, c.told = read, at
	return at, jumped
}
