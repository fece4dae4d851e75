// Package web shows incidents to people and takes their word: a JSON API, a
// plain page over the same data, and the endpoints that a Prometheus-like
// daemon is expected to have (/metrics, /-/healthy, /-/ready, /-/reload).
//
// What is shown of an incident is folded from its facts by the core's own
// fold, so that an incident of last month and one of this minute are shown by
// the same code; only what facts do not carry (the alert's labels, the
// governing policy) is added from the live state.
//
// A command is taken as JSON from programs and as a form from the page. Both
// reach the same handler and the same decider. No request but a POST changes
// anything; a POST of another origin is refused; there is no cookie, and no
// cross-origin access. The one script keeps a page as the daemon has it; all can
// be read and said without it.
//
// The package knows neither engine nor journal: see [Live] and [History].
//
// Start reading at [New], then [Incident] and [Event].
package web
