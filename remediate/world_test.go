package remediate_test

import (
	"cmp"
	"container/heap"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/x0tta6bl4/remediated/remediate"
)

// epoch is when every scenario begins.
var epoch = time.Date(2026, 1, 14, 10, 0, 0, 0, time.UTC)

// tb is what a world needs of a test: *testing.T, *testing.B and *rapid.T.
type tb interface {
	Helper()
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
}

// world drives Handle in virtual time: it keeps the records as a journal
// would, performs what is started as its settings say, and ticks when Handle
// wants to be ticked.
type world struct {
	t       tb
	books   Rulebooks
	state   *State
	now     time.Time
	records []Record
	heard   []Fact   // as decoded from the records, for who asks what happened
	frozen  []frozen // the state at two moments

	// set is how the world answers, by what is asked: "verify" -> "ok/20s".
	set     map[string]string
	soon    events
	started int

	dealings  map[string]string // by ID: ask, verify, probe, act, tell
	hidden    []string          // dealings that the story leaves out: ask, verify, probe, act, tell
	forgetful bool              // the state is thrown away before each input
	repeats   bool              // every result comes twice
	loses     bool              // the next batch is lost in a crash before it is durable
}

func newWorld(t tb) *world {
	w := &world{t: t, books: Rulebooks{}, state: NewState(), now: epoch, dealings: map[string]string{}, set: map[string]string{
		"alert": "firing", "workload": "ok", "alerts": "0", "cluster": "3of3", "controlplane": "ready", "confirm": "ok", "back": "failed/10s", "evidence": "ok", "digest": "d1", "impact": "ok", "act": "ok", "verify": "ok", "probe": "ok", "promql": "1", "tell": "ok",
	}}
	r, err := Found(w.state, w.now, "q4m2x7kd")
	if err != nil {
		t.Fatal(err)
	}
	w.keep([]Record{r})
	return w
}

// keep does what a journal and the loop do with what Handle returned.
func (w *world) keep(rs []Record) {
	w.t.Helper()
	if n := len(w.frozen); n < 2 && len(w.records) > 30+300*n {
		b, err := w.state.Snapshot()
		w.must(err)
		w.frozen = append(w.frozen, frozen{w.state.Freeze(), b})
	}
	for _, r := range rs {
		f, err := r.Decode()
		if err != nil {
			w.t.Fatalf("record %d: %v", r.Seq, err)
		}
		w.records = append(w.records, r)
		w.heard = append(w.heard, f)
		switch b := f.Body.(type) {
		case Started:
			w.dealings[b.ID] = dealing(b)
			w.perform(b)
		case Delayed:
			w.performLater(b)
		}
	}
}

// hear hands Handle an input now, and then works off what it left over.
func (w *world) hear(in Input) error {
	w.t.Helper()
	w.forget()
	rs, err := Handle(w.books, w.state, w.now, in)
	if err != nil {
		return err
	}
	if w.loses && len(rs) > 0 {
		w.loses = false
		w.refold()
		return nil
	}
	w.keep(rs)
	for n := 0; !w.state.Next().IsZero() && !w.state.Next().After(w.now); n++ {
		w.forget()
		rs, err := Handle(w.books, w.state, w.now, Tick{})
		if err != nil {
			w.t.Fatal(err)
		}
		w.keep(rs)
		if n > 10_000 {
			w.t.Fatal("Handle wants to be ticked without end")
		}
	}
	return nil
}

// load makes book govern.
func (w *world) load(book *Rulebook) {
	w.t.Helper()
	w.books[book.Digest()] = book
	names := make([]string, 0, len(book.Policies))
	for _, p := range book.Policies {
		names = append(names, p.Name)
	}
	if err := w.hear(Loaded{Digest: book.Digest(), Policies: names}); err != nil {
		w.t.Fatal(err)
	}
}

// pass lets d go by, and everything happen that is due in it.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for n := 0; ; n++ {
		next := w.state.Next()
		if len(w.soon) > 0 && (next.IsZero() || w.soon[0].at.Before(next)) {
			next = w.soon[0].at
		}
		if next.IsZero() || next.After(end) {
			break
		}
		if next.After(w.now) {
			w.now = next
		}
		if len(w.soon) > 0 && !w.soon[0].at.After(w.now) {
			e := heap.Pop(&w.soon).(event)
			if e.again != nil {
				w.perform(*e.again)
				continue
			}
			_, lag := w.how("lag")
			e.in.At = w.now.Add(-lag)
			w.must(w.hear(e.in))
			continue
		}
		w.must(w.hear(Tick{}))
		if n > 100_000 {
			w.t.Fatal("time does not pass")
		}
	}
	w.now = end
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// settle lets everything happen that is due at this very moment.
func (w *world) settle() { w.pass(0) }

// refold throws the state away and folds it anew from the records, as a
// restart does; what was started is performed again.
func (w *world) refold() {
	w.t.Helper()
	s := NewState()
	for _, r := range w.records {
		w.must(s.Fold(r))
	}
	s.Degrade(w.state.Degraded())
	s.Rewake(w.books)
	w.state, w.soon = s, nil
	for _, p := range w.state.Started() {
		p.Started.Again = true
		w.perform(p.Started)
	}
}

// forget restores the state from its snapshot, while what is under way in the
// world goes on. That a fold comes to the same is a law of its own.
func (w *world) forget() {
	if !w.forgetful {
		return
	}
	b, err := w.state.Snapshot()
	w.must(err)
	s, err := Restore(b)
	w.must(err)
	s.Degrade(w.state.Degraded())
	s.Rewake(w.books)
	w.state = s
}

// performLater performs again what did not get through, when it is due.
func (w *world) performLater(d Delayed) {
	for _, p := range w.state.Started() {
		if p.ID == d.ID {
			w.started++
			w.soon = slices.DeleteFunc(w.soon, func(e event) bool { return e.again != nil && e.again.ID == d.ID })
			heap.Init(&w.soon)
			heap.Push(&w.soon, event{at: d.Until, seq: w.started, again: &p.Started})
		}
	}
}

// dealing names a dealing with the world as scenario files do.
func dealing(s Started) string {
	switch {
	case s.Act != nil:
		return "act"
	case s.Tell != nil:
		return "tell"
	case s.Ask.Purpose == ForVerification:
		return "verify"
	case s.Ask.Purpose == ForGoingOn:
		return "look"
	case s.Ask.Purpose == ForProbingOn:
		return "probe"
	case s.Ask.Purpose == ForConfirmation:
		return "confirm"
	case s.Ask.Purpose == ForSettling:
		return "back"
	case s.Ask.Purpose == ForImpact:
		return "impact"
	case s.Ask.Purpose == ForEvidence:
		return "evidence"
	}
	return "ask"
}

// perform answers what was started as the world's settings say.
func (w *world) perform(s Started) {
	w.started++
	what := dealing(s)
	how, after := w.how(what)
	if s.Tell != nil && w.set["tell:"+s.Tell.Destination] != "" {
		how, after = w.how("tell:" + s.Tell.Destination)
	}
	if s.Act != nil && w.set["act:"+s.Act.Kind] != "" {
		how, after = w.how("act:" + s.Act.Kind)
	}
	if how == "silent" {
		return
	}
	r := Result{Outcome: how}
	at := w.now.Add(after)
	switch what {
	case "ask", "impact", "evidence":
		for _, q := range s.Ask.Questions {
			if how != OK {
				break
			}
			r.Answers = append(r.Answers, w.answer(q))
		}
	case "verify", "confirm":
		r.FirstGood = at.Add(-time.Duration(s.Ask.Hold))
		r.Text = map[string]string{OK: "held for " + s.Ask.Hold.String(), Failed: "postgres not ok: connection refused"}[how]
	case "probe":
		r.Text = map[string]string{Failed: "postgres not ok: connection refused"}[how]
	case "tell":
		r.Ref = "ref-" + s.Tell.Destination
		r.Text = map[string]string{Failed: "connection refused"}[how]
	case "act":
		r.Text = map[string]string{Refused: "the object is another one by now", Failed: "forbidden"}[how]
	}
	if how == Later {
		r.Until, r.Text = at.Add(30*time.Second), "429 Too Many Requests"
	}
	e := event{at: at, seq: w.started, in: Reported{ID: s.ID, Incident: s.Incident, Result: r}}
	heap.Push(&w.soon, e)
	if w.repeats {
		heap.Push(&w.soon, e)
	}
}

// how reads a setting such as ok/20s.
func (w *world) how(what string) (string, time.Duration) {
	how, after, _ := strings.Cut(w.set[what], "/")
	if how == "" {
		how = OK
	}
	if after == "" {
		return how, 0
	}
	d, err := time.ParseDuration(after)
	w.must(err)
	return how, d
}

func (w *world) answer(q Question) Answer {
	how, _ := w.how(q.Kind)
	if q.Kind == "promql" {
		var args map[string]string
		w.must(json.Unmarshal(q.Args, &args))
		if is := w.set["promql:"+args["query"]]; is != "" {
			how = is
		}
	}
	for _, l := range q.Labels {
		if is := w.set[q.Kind+":"+l.Value]; is != "" {
			how = is
		}
	}
	if is := w.set["workload:"+q.Target.Name]; q.Kind == "workload" && is != "" {
		how = is
	}
	a := Answer{Kind: q.Kind, OK: true, Values: map[string]string{}}
	switch {
	case how == "unknown":
		a.OK, a.Err = false, "connection refused"
	case q.Kind == "alert":
		a.Values[ValueState] = how
		a.Text = "still firing, not suppressed"
		if how == AlertStateSuppressed {
			a.Values[ValueSuppressedBy] = "silence 7c1"
		}
	case q.Kind == "workload":
		w.workload(&a, q.Target, how)
	case q.Kind == "promql":
		a.Values[ValueNumber] = how
	case q.Kind == "alerts":
		a.Values[ValueCount] = how
		a.Text = how + " of them fire"
	case q.Kind == "cluster":
		ready, nodes, _ := strings.Cut(how, "of")
		a.Values[ValueNodesReady], a.Values[ValueNodes] = ready, nodes
		a.Values[ValueControlPlane] = w.set["controlplane"]
	case q.Kind == "evidence":
		a.Values[ValueDigest] = w.set["digest"]
	}
	return a
}

// workload answers about a target: "ok", "refused", or a number of available
// replicas; "moved" is the same object with another pod template.
func (w *world) workload(a *Answer, t Target, how string) {
	if t.Kind == "owner" {
		t.Kind, t.Name = "deployment", strings.Split(t.Name, "-")[0]
	}
	a.Text = "0 of 1 available"
	a.Values = map[string]string{
		ValueTarget: t.String(), ValueUID: "uid-1", ValueTemplate: "hash-1",
		ValueAttempt: w.set["attempt"], ValueReplicas: "4", ValueAvailable: "0",
	}
	for _, v := range []string{ValueMode, ValueNamespaceMode, ValueHeadroom, ValueBudget, ValueChangedBy, ValueRevision, ValueChange} {
		if is := cmp.Or(w.set[v+":"+t.Name], w.set[v]); is != "" {
			a.Values[v] = is
		}
	}
	switch how {
	case "refused":
		a.OK, a.Text = false, ""
		a.Values[ValueRefused] = "it is owned by a custom resource"
	case "moved":
		a.Values[ValueTemplate] = "hash-2"
	case "restarted":
		a.Values[ValueTemplate] = "hash-1.r1"
	case "recreated":
		a.Values[ValueUID] = "uid-2"
	case "ok":
	default:
		if _, err := strconv.Atoi(how); err != nil {
			w.t.Fatalf("workload=%s: want ok, refused, moved, restarted, recreated, unknown or a number", how)
		}
		a.Values[ValueAvailable] = how
		a.Text = how + " available"
	}
}

// event is a result that comes in at a time.
type event struct {
	at    time.Time
	seq   int
	in    Reported
	again *Started // perform this once more instead
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(a, b int) bool {
	if c := e[a].at.Compare(e[b].at); c != 0 {
		return c < 0
	}
	return e[a].seq < e[b].seq
}
func (e events) Swap(a, b int) { e[a], e[b] = e[b], e[a] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// story renders facts as scenario files show them.
func (w *world) story(facts []Fact) string {
	var b strings.Builder
	for _, f := range facts {
		if w.hides(f.Body) {
			continue
		}
		where := ""
		if n := IncidentOf(f.Body); n != 0 {
			where = fmt.Sprintf("i%d ", n)
		}
		fmt.Fprintf(&b, "%-8s %s%s\n", "+"+f.At.Sub(epoch).String(), where, strings.TrimPrefix(strings.ReplaceAll(Describe(f.Body), "q4m2x7kd-", ""), strings.TrimSpace(where)+"-"))
		if d, ok := f.Body.(Digested); ok {
			for _, line := range d.Lines {
				fmt.Fprintf(&b, "         %s\n", line)
			}
		}
	}
	return b.String()
}

// hides tells whether the story leaves a fact out.
func (w *world) hides(b Body) bool {
	switch b := b.(type) {
	case Started:
		return slices.Contains(w.hidden, dealing(b))
	case Finished:
		return slices.Contains(w.hidden, w.dealings[b.ID])
	case Delayed:
		return slices.Contains(w.hidden, w.dealings[b.ID])
	case Updated:
		return slices.Contains(w.hidden, "update")
	}
	return false
}
