// Package simulate lets the decider live through random days in virtual time
// and holds what it decides against laws.
//
// A day is data: a seed and a list of steps, each with dice of its own, so that
// a step can be left out and the others still throw what they threw. A [Case]
// names a day; [Case.Run] lives through it; [Shrink] leaves out what a failure
// does not need; [Explore] tries many.
//
// What happens: services break, heal by themselves, flap and take their leaves
// down with them; a pair of Alertmanagers tells of it late, twice, in the wrong
// order, in part or not at all; performers are slow, fail, or never answer; the
// daemon crashes at any write, cannot write, is away, has its clock set and its
// rulebook changed; and humans give commands that fit or do not.
//
// What runs in the middle is remediate.Handle, driven as the engine drives it.
// The laws (laws.go and the files beside it) know nothing of its state: they
// read the facts that were written, and nothing else.
package simulate
