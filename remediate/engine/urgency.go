package engine

import (
	"sync/atomic"

	"github.com/x0tta6bl4/remediated/remediate"
)

// maxWaiting is how many inputs of one urgency may wait, unless they are of one
// request: it is memory that they wait in.
const maxWaiting = 20_000

// line is where what Alertmanager says waits until it is decided about: what is worst
// first, and first come, first served among equals. A storm of what hardly matters
// must not keep the alert waiting that does.
type line struct {
	lanes [4]lane // by urgency
	book  atomic.Pointer[remediate.Rulebook]
}

// lane is where those wait that are equally urgent.
type lane struct {
	requests chan request
	inputs   atomic.Int64 // of the requests that wait
}

func newLine(book *remediate.Rulebook, requests int) *line {
	l := new(line)
	l.book.Store(book)
	for k := range l.lanes {
		l.lanes[k].requests = make(chan request, requests)
	}
	return l
}

// add puts a request into the line, false when there is no room for it.
func (l *line) add(r request) bool {
	to, inputs := &l.lanes[l.urgencyOf(r)], int64(len(r.batch))
	if now := to.inputs.Add(inputs); now > maxWaiting && now > inputs {
		to.inputs.Add(-inputs)
		return false
	}
	select {
	case to.requests <- r:
		return true
	default:
		to.inputs.Add(-inputs)
		return false
	}
}

// next takes the request out of the line that is the most urgent one, false when
// none waits.
func (l *line) next() (request, bool) {
	for k := range l.lanes {
		select {
		case r := <-l.lanes[k].requests:
			l.lanes[k].inputs.Add(-int64(len(r.batch)))
			return r, true
		default:
		}
	}
	return request{}, false
}

// urgencyOf is 0 for what is most urgent. A webhook is as urgent as the worst of its
// alerts, firing or resolved: an alert's end has no other urgency than its beginning,
// which it must not overtake. What is no webhook is rare, and waits behind none.
func (l *line) urgencyOf(r request) int {
	least := len(l.lanes) - 1
	book := l.book.Load()
	for _, in := range r.batch {
		heard, ok := in.(remediate.Heard)
		if !ok || least == 0 {
			return 0
		}
		least = min(least, urgencyOf(book.SeverityOf(heard.Alert.Labels)))
	}
	return least
}

func urgencyOf(s remediate.Severity) int {
	switch s {
	case remediate.P1:
		return 0
	case remediate.P2:
		return 1
	case remediate.P3:
		return 2
	}
	return 3
}
