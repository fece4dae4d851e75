// Package replay lives through what is not happening now: policy tests, which
// are scripts of what might happen, and journals, which are what did. It is
// [remediate.Handle] under another driver: what it decides is what the daemon
// would decide.
//
// Start reading at [Run], then [Life]; for journals at [Again] and [Backtest].
package replay
