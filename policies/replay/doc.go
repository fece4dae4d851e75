// Package replay lives through what is not happening now: policy tests, which
// are scripts of what might happen, and the past of a journal, as it was or under
// other policies. It is [remediate.Handle] under another driver, in virtual time:
// what it decides is what the daemon would decide.
//
// Start reading at [Run], then [Life], then [Backtest].
package replay
