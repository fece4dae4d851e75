// Package notify tells people. It puts a [remediate.Notice] into words,
// routes a tell to the service that its destination names, and sorts what
// comes back into three: told, not yet, never.
//
// A service (packages slack and pagerduty below this one) makes one try per
// call. It never loops over tries, and sleeps only for its turn where a service
// asks for a pace: what did not get through is reported as later, and who
// performs calls again, under the same ID, until the tell's deadline. So the
// outbox is the journal, and there is no second queue that a crash could lose.
//
// The module is at v0: Go names here may change between two minor releases, and
// [Service] is the one that others implement. The fields of a [remediate.Notice] are
// kept in journals: some may be added, none changes its meaning.
//
// The words are templates that people may replace, see [ParseTemplates]; what
// they yield is text and never more than that.
//
// Start reading at [Teller.Perform], then [Words] and its neighbours.
package notify
