// Package remediate is the theory of the program: what an alert is, what an
// incident is, what may be done about it, whether it may be done now, whether
// it helped, and who hears of it when it did not.
//
// Everything that happens is a [Fact]. [State.Apply] folds a fact into the
// state and never decides; [Handle] looks at the state, the time and one
// [Input], and answers with the facts that follow. Neither knows a clock, a
// network, a goroutine or randomness: the same inputs give the same facts,
// byte for byte, on every machine and in every test.
//
// The world is dealt with in three ways only. We ask (probes), we act (change
// something), we tell (people). Each dealing is framed by [Started] and
// [Finished]. What is started and not finished is what is left to do: it is at
// once the outbox, the retry queue and the plan for recovery after a crash.
//
// # Stability
//
// The module is at v0, and it may be imported: what a function takes and returns may
// still change between two minor releases, and the release notes say so. Facts do not.
// A kind of fact is never changed or taken away, only added, so that a journal of any
// release is read by every later one; [ErrUnknownKind] is what an earlier one says of it.
// What [Handle] decides may change with each release; what it decided is written down.
//
// Start reading at [Handle], then [State], then the guards in guard.go.
package remediate
