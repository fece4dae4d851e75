// Package replay lives through what is not happening now: policy tests, which
// are scripts of what might happen. It is [remediate.Handle] under another
// driver, in virtual time: what it decides is what the daemon would decide.
//
// Start reading at [Run], then [Life].
package replay
