// Package policies reads what an operator writes: remediated.yml and the
// policy files it names. It turns them into a [remediate.Rulebook], by which
// decisions are made, and a [Config], by which the daemon is set up.
//
// Reading is strict, because a policy that is misread acts on production: an
// unknown key, a selector that selects everything, a remedy that nobody checks
// or a duration without a unit is a [Problem], never a guess. Each problem says
// where it is, what is wrong and what would be right; [Render] shows it with
// the line and a caret, as a compiler does. Problems are found all at once, so
// that a file is mended in one go.
//
// [Load] is what the daemon does at its start and what a check of the files
// does: the same code. [Reload] never makes matters worse: it builds
// everything that can fail first, and a group of files that is broken keeps
// its own last good version while the others move on.
//
// The module is at v0: Go names here may change between two minor releases. The
// language of the files may grow; what a file means that is read without a problem
// does not change but by a release note that says so.
//
// Which actions and probes there are is told by a [Catalogue], since the
// packages that carry them out are adapters and are not known here.
//
// Start reading at [Load], then policy.go.
package policies
