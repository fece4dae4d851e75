package remediate

import (
	"cmp"
	"container/heap"
	"slices"
	"strconv"
	"time"
)

// index finds, without going through all incidents, those that a fact or the
// time concerns. It can be rebuilt from the state at any moment.
type index struct {
	byKey    map[string]uint64
	byAlert  map[AlertID][]uint64
	byPolicy map[string]map[uint64]bool // open incidents
	atTarget map[Target]int             // how many open incidents are about it
	broken   int                        // targets in atTarget that last
	drills   map[uint64]bool            // open incidents that are drills
	storm    time.Time                  // when to look whether the storm is over, zero when there is none
	untold   time.Time                  // when to say that people cannot be shown anything
	digest   time.Time                  // when to see about the digest
	waiters  map[string]map[uint64]bool // by what they wait for
	wakes    wakes
	digested map[uint64]digested // what was last found of what incidents are to show in Slack
	ended    map[AlertID]int     // how often each is in Ended
	touched  map[uint64]bool     // changed since they were last decided about
	queue    queue               // those of touched, in the order in which they are decided about
}

func newIndex() index {
	return index{
		byKey:    map[string]uint64{},
		byAlert:  map[AlertID][]uint64{},
		byPolicy: map[string]map[uint64]bool{},
		atTarget: map[Target]int{},
		drills:   map[uint64]bool{},
		waiters:  map[string]map[uint64]bool{},
		wakes:    wakes{at: map[uint64]int{}},
		digested: map[uint64]digested{},
		ended:    map[AlertID]int{},
		touched:  map[uint64]bool{},
	}
}

// reindex rebuilds every index but the wakes, which need the rulebooks.
func (s *State) reindex() {
	s.index = newIndex()
	for _, id := range s.Ended {
		s.index.ended[id]++
	}
	for _, i := range s.Incidents.All() {
		s.touch(i)
		if i.Status == StatusClosed {
			continue
		}
		s.index.open(i)
		for id := range i.Alerts {
			s.index.addAlert(id, i.ID)
		}
		s.index.wait(i)
	}
}

// open enters an incident that is open.
func (x *index) open(i *Incident) {
	x.byKey[i.Key] = i.ID
	if x.byPolicy[i.Policy] == nil {
		x.byPolicy[i.Policy] = map[uint64]bool{}
	}
	x.byPolicy[i.Policy][i.ID] = true
	if i.Drill != "" {
		x.drills[i.ID] = true
	}
	x.enterTarget(i)
}

// close takes an incident out that is open no more.
func (x *index) close(i *Incident) {
	if x.byKey[i.Key] == i.ID {
		delete(x.byKey, i.Key)
	}
	for id := range i.Alerts {
		x.dropAlert(id, i.ID)
	}
	x.unwait(i)
	if delete(x.byPolicy[i.Policy], i.ID); len(x.byPolicy[i.Policy]) == 0 {
		delete(x.byPolicy, i.Policy)
	}
	delete(x.drills, i.ID)
	x.leaveTarget(i)
}

// enterTarget counts an incident at its target. With a drill nothing is broken.
func (x *index) enterTarget(i *Incident) {
	if i.Drill != "" {
		return
	}
	t := i.Target
	if x.atTarget[t]++; x.atTarget[t] == 1 && t.lasts() {
		x.broken++
	}
}

func (x *index) leaveTarget(i *Incident) {
	if i.Drill != "" {
		return
	}
	t := i.Target
	if x.atTarget[t]--; x.atTarget[t] > 0 {
		return
	}
	delete(x.atTarget, t)
	if t.lasts() {
		x.broken--
	}
}

// touch makes the incident be decided about, if there is one.
func (s *State) touch(i *Incident) {
	if i == nil || s.index.touched[i.ID] {
		return
	}
	s.index.touched[i.ID] = true
	heap.Push(&s.index.queue, turn{i.Severity, i.ID})
	if len(s.index.queue) > 2*len(s.index.touched)+64 {
		s.requeue()
	}
}

// requeue drops what is passed over. A state that is only folded, and never
// decided about, would gather it for ever.
func (s *State) requeue() {
	s.index.queue = s.index.queue[:0]
	for id := range s.index.touched {
		s.index.queue = append(s.index.queue, turn{s.Incidents.Look(id).Severity, id})
	}
	heap.Init(&s.index.queue)
}

func (x *index) addAlert(id AlertID, incident uint64) {
	at, found := slices.BinarySearch(x.byAlert[id], incident)
	if !found {
		x.byAlert[id] = slices.Insert(x.byAlert[id], at, incident)
	}
}

func (x *index) dropAlert(id AlertID, incident uint64) {
	left := slices.DeleteFunc(x.byAlert[id], func(n uint64) bool { return n == incident })
	if len(left) == 0 {
		delete(x.byAlert, id)
		return
	}
	x.byAlert[id] = left
}

// drop forgets the incident; its alerts and key went when it closed.
func (x *index) drop(i *Incident) {
	delete(x.touched, i.ID)
	delete(x.digested, i.ID)
	x.wakes.set(i.ID, time.Time{})
}

// wait enters the incident under everything that its verdicts wait for.
func (x *index) wait(i *Incident) {
	for _, v := range i.Verdicts {
		if v.For == "" {
			continue
		}
		if x.waiters[v.For] == nil {
			x.waiters[v.For] = map[uint64]bool{}
		}
		x.waiters[v.For][i.ID] = true
	}
}

// unwait takes the incident out again, before its verdicts become others: who
// is woken must not depend on what it waited for once.
func (x *index) unwait(i *Incident) {
	for _, v := range i.Verdicts {
		if delete(x.waiters[v.For], i.ID); len(x.waiters[v.For]) == 0 {
			delete(x.waiters, v.For)
		}
	}
}

// wakeWaiters makes all who wait for key be judged anew.
func (s *State) wakeWaiters(key string) {
	for id := range s.index.waiters[key] {
		s.Incidents.change(id, s.lookAgain)
	}
}

// rootKey is what an incident waits for whose root is the incident n.
func rootKey(n uint64) string { return rootPrefix + strconv.FormatUint(n, 10) }

const rootPrefix = "root/i"

// touchLeaves makes those be decided about that wait for the incident n: their
// people hear of it by its page.
func (s *State) touchLeaves(n uint64) {
	for id := range s.index.waiters[rootKey(n)] {
		s.touch(s.Incidents.Look(id))
	}
}

// takeTouched takes the touched incident that matters most, by severity, then
// the oldest; nil when there is none.
func (s *State) takeTouched() *Incident {
	for s.index.queue.Len() > 0 {
		t := heap.Pop(&s.index.queue).(turn)
		if !s.index.touched[t.incident] {
			continue // it was decided about, or is no more
		}
		delete(s.index.touched, t.incident)
		return s.Incidents.Get(t.incident)
	}
	return nil
}

// queue is a heap of turns. An entry that is no longer touched is passed over.
type queue []turn

type turn struct {
	severity Severity
	incident uint64
}

func (q queue) Len() int { return len(q) }
func (q queue) Less(a, b int) bool {
	return cmp.Or(cmp.Compare(q[a].severity, q[b].severity), cmp.Compare(q[a].incident, q[b].incident)) < 0
}
func (q queue) Swap(a, b int) { q[a], q[b] = q[b], q[a] }
func (q *queue) Push(x any)   { *q = append(*q, x.(turn)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// wakes is a heap of the times at which incidents want to be looked at.
type wakes struct {
	heap []wake
	at   map[uint64]int // where an incident is in the heap
}

type wake struct {
	when     time.Time
	incident uint64
}

func (w *wakes) Len() int { return len(w.heap) }
func (w *wakes) Less(a, b int) bool {
	if c := w.heap[a].when.Compare(w.heap[b].when); c != 0 {
		return c < 0
	}
	return w.heap[a].incident < w.heap[b].incident
}
func (w *wakes) Swap(a, b int) {
	w.heap[a], w.heap[b] = w.heap[b], w.heap[a]
	w.at[w.heap[a].incident], w.at[w.heap[b].incident] = a, b
}
func (w *wakes) Push(x any) {
	w.at[x.(wake).incident] = len(w.heap)
	w.heap = append(w.heap, x.(wake))
}
func (w *wakes) Pop() any {
	last := w.heap[len(w.heap)-1]
	w.heap = w.heap[:len(w.heap)-1]
	delete(w.at, last.incident)
	return last
}

// set wakes the incident at when; a zero when never.
func (w *wakes) set(incident uint64, when time.Time) {
	k, there := w.at[incident]
	switch {
	case when.IsZero() && there:
		heap.Remove(w, k)
	case when.IsZero():
	case there:
		w.heap[k].when = when
		heap.Fix(w, k)
	default:
		heap.Push(w, wake{when, incident})
	}
}

// due takes a wake whose time has come, one of no incident when there is none.
func (w *wakes) due(now time.Time) wake {
	if len(w.heap) == 0 || w.heap[0].when.After(now) {
		return wake{}
	}
	return heap.Pop(w).(wake)
}

// Next returns when [Handle] wants a [Tick], zero when nothing is waited for.
func (s *State) Next() time.Time {
	if len(s.index.touched) > 0 {
		return s.At // a mass wake is worked off in slices
	}
	var next time.Time
	by := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	by(s.index.storm)
	by(s.index.untold)
	by(s.index.digest)
	for _, c := range s.Paused {
		by(c.Until)
	}
	if len(s.index.wakes.heap) > 0 {
		by(s.index.wakes.heap[0].when)
	}
	return next
}
