// Package shadow says of each policy what it did or would have done, and how
// often the alerts went away by themselves in the time that its remedy would
// have been given: a remedy that does no better than waiting is none.
//
// Start reading at [Read].
package shadow
