package simulate

import (
	"container/heap"
	"fmt"
	"time"
)

// epoch is when every day begins.
var epoch = time.Date(2026, 1, 14, 10, 0, 0, 0, time.UTC)

// world is all that is outside of the daemon.
type world struct {
	seed     uint64
	now      time.Time // the true time
	queue    queue
	queued   int
	services []*service
	strays   []*rule // alerts of nothing that is there
	rules    []*rule
	peers    []*peer
	split    bool // the peers do not hear each other
	silenced int  // silences so far
	effects  map[string]*effect
	foul     map[string]int // by dealing, how often of a hundred it goes wrong

	// deliver hands a webhook to the daemon. It tells whether it was taken.
	deliver func([]told) bool
}

func newWorld(seed uint64) *world {
	w := &world{
		seed: seed, now: epoch, services: newServices(), effects: map[string]*effect{}, foul: map[string]int{},
		peers: []*peer{newPeer("am-0"), newPeer("am-1")},
	}
	w.rules = rulesOf(w.services)
	w.in(evaluateEvery, w.evaluate)
	return w
}

// in lets do happen when d has gone by.
func (w *world) in(d time.Duration, do func()) {
	w.queued++
	heap.Push(&w.queue, happening{at: w.now.Add(d), order: w.queued, do: do})
}

// happening is something that will happen.
type happening struct {
	at    time.Time
	order int
	do    func()
}

// queue is a heap of happenings, by time, then in the order in which they were
// put in.
type queue []happening

func (q queue) Len() int { return len(q) }
func (q queue) Less(a, b int) bool {
	if !q[a].at.Equal(q[b].at) {
		return q[a].at.Before(q[b].at)
	}
	return q[a].order < q[b].order
}
func (q queue) Swap(a, b int) { q[a], q[b] = q[b], q[a] }
func (q *queue) Push(x any)   { *q = append(*q, x.(happening)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = happening{}
	*q = (*q)[:len(*q)-1]
	return last
}

func uidOf(s *service) string      { return fmt.Sprintf("uid-%s-%d", s.name, s.uid) }
func templateOf(s *service) string { return fmt.Sprintf("template-%s-%d", s.name, s.template) }
