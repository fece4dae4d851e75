package remediate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// An incident is read as it was written, whatever the one is that it is written like.
func TestDiffer(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		var v, like Incident
		fillAny(r, reflect.ValueOf(&v).Elem())
		if seed%3 > 0 { // else like the one that says nothing
			fillAny(r, reflect.ValueOf(&like).Elem())
		}
		if seed%3 == 2 { // and most is the same
			verdicts, plan := v.Verdicts, v.Plan
			v = *like.copy()
			v.Verdicts, v.Plan = verdicts, plan
		}
		was := like.copy()
		b := ofIncident.write(nil, reflect.ValueOf(&v).Elem(), reflect.ValueOf(&like).Elem())
		rests := &differences{string(b)}
		read := like.copy()
		if ofIncident.read(rests, reflect.ValueOf(read).Elem()); rests.rest != "" {
			t.Fatalf("seed %d: %d bytes are left over", seed, len(rests.rest))
		}
		if !reflect.DeepEqual(*read, v) {
			t.Fatalf("seed %d: read\n%+v\nwas\n%+v", seed, *read, v)
		}
		if !reflect.DeepEqual(&like, was) {
			t.Fatalf("seed %d: what it is written like was changed", seed)
		}
	}
}

// fillAny makes v any value of its type.
func fillAny(r *rand.Rand, v reflect.Value) {
	if at, ok := v.Addr().Interface().(*time.Time); ok {
		*at = [3]time.Time{{}, time.UnixMilli(r.Int64N(1e13)).UTC(), time.Unix(0, r.Int64N(1e18)).UTC()}[r.IntN(3)]
		return
	}
	n := r.IntN(4) - 1 // -1: none
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(n > 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64()>>r.IntN(64) - 7)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()) >> r.IntN(64))
	case reflect.String:
		v.SetString([]string{"", "target deployment/shop/cart is held", "target deployment/shop/basket is held", "ÿ", "a", "aa"}[r.IntN(6)])
	case reflect.Array:
		for k := range v.Len() {
			fillAny(r, v.Index(k))
		}
	case reflect.Struct:
		for k := range v.NumField() {
			fillAny(r, v.Field(k))
		}
	case reflect.Pointer:
		if n > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fillAny(r, v.Elem())
		}
	case reflect.Slice:
		if n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for k := range n {
				fillAny(r, v.Index(k))
			}
		}
	case reflect.Map:
		if n >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				fillAny(r, key)
				fillAny(r, value)
				v.SetMapIndex(key, value)
			}
		}
	default:
		panic("no value of a state is a " + v.Kind().String())
	}
}

// judgedAlike has so many incidents of one policy, of which nothing is under way.
func judgedAlike(incidents int) *State {
	s := NewState()
	at := time.Unix(1_790_000_000, 0).UTC()
	for n := range uint64(incidents) {
		id := AlertID{byte(n), byte(n >> 8), 1}
		name := fmt.Sprintf("cart-%d", n)
		labels := LabelsOf(map[string]string{"alertname": "Down", "namespace": "shop", "pod": name})
		target := Target{"prod", "deployment", "shop", name}
		for _, b := range []Body{
			AlertFiring{ID: id, Alert: Alert{Labels: labels, StartsAt: at}},
			Opened{Incident: n + 1, Alert: id, Policy: "down", Key: "down " + name, Severity: P2, Target: target},
			Judged{Incident: n + 1, Decision: Waiting, Verdicts: []Verdict{
				{Guard: "paused", Decision: Allowed, Reason: "nothing is paused"},
				{Guard: "busy", Decision: Waiting, Reason: "somebody is at work on " + target.String(), For: "target/" + target.String()},
			}},
		} {
			s.Apply(Fact{Seq: s.Seq + 1, At: at, Body: b})
		}
		delete(s.index.touched, n+1)
		s.Incidents.met = append(s.Incidents.met, n+1)
		at = at.Add(1234 * time.Millisecond)
	}
	return s
}

// Of many incidents most rest, in few bytes, say what they said, and are looked at
// without waking. Those that something is under way for do not rest, nor do few.
func TestRest(t *testing.T) {
	defer func(was int) { maxAwake = was }(maxAwake)
	s := judgedAlike(100)
	for n := range uint64(5) { // and some that are not
		i := s.Incidents.Get(90 + n)
		i.Rulebook, i.Severity, i.Status = fmt.Sprint("book-", n), []Severity{P1, P2}[n%2], StatusHeld
	}
	was, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	maxAwake = 100
	if s.rest(); len(s.Incidents.resting) != 0 {
		t.Errorf("of 100 that may stay awake %d rest", len(s.Incidents.resting))
	}
	maxAwake = 10
	s.Incidents.met = s.Incidents.Numbers()
	s.Incidents.Get(7).Pending = []Pending{{}}
	s.rest()
	s.Incidents.Get(7).Pending = nil
	if awake := len(s.Incidents.awake); awake != 10 {
		t.Errorf("%d are awake, want 10", awake)
	}
	for n, r := range s.Incidents.resting {
		if n == 7 || len(r.differs) > 200 {
			t.Errorf("i%d rests in %d bytes", n, len(r.differs))
		}
	}
	for n, i := range s.Incidents.All() {
		if i.ID != n || s.Incidents.Look(n).Target.Name != fmt.Sprintf("cart-%d", n-1) {
			t.Errorf("i%d is %+v", n, i)
		}
		if b := s.Incidents.Brief(n); b != (Brief{i.Rulebook, i.Policy, i.Severity, i.Status}) || b.Policy == "" || b.Severity == "" {
			t.Errorf("i%d is said to be %+v, it is %+v", n, b, i)
		}
	}
	briefs := 0
	for n, b := range s.Incidents.Briefs() {
		if briefs++; b != s.Incidents.Brief(n) {
			t.Errorf("i%d is said to be %+v and %+v", n, b, s.Incidents.Brief(n))
		}
	}
	if b := s.Incidents.Brief(1000); b != (Brief{}) || briefs != 100 {
		t.Errorf("what is not there is said to be %+v, of %d", b, briefs)
	}
	if is, err := s.Snapshot(); err != nil || !bytes.Equal(is, was) {
		t.Errorf("%v: was %s\nis %s", err, was, is)
	}
	if len(s.Incidents.resting) != 90 || s.Incidents.Len() != 100 {
		t.Errorf("%d of %d rest, want 90 of 100", len(s.Incidents.resting), s.Incidents.Len())
	}
}

// What makes all be looked at again wakes none of those that rest, until each has its
// turn.
func TestAllAreStirredAtRest(t *testing.T) {
	s := judgedAlike(100)
	s.rest()
	s.Apply(Fact{Seq: s.Seq + 1, At: s.At.Add(time.Hour), Body: RulebookLoaded{Digest: "d", Policies: []string{"down"}}})
	if len(s.Incidents.awake) > 0 || len(s.index.touched) != 100 {
		t.Errorf("%d are awake, %d to be decided about: want 0 and 100", len(s.Incidents.awake), len(s.index.touched))
	}
	if i := s.takeTouched(); i == nil || i.ID != 1 || !i.Until.Equal(s.At) || len(s.Incidents.awake) != 1 {
		t.Errorf("the first to be decided about is %+v", i)
	}
}

// When the incidents of a policy become unlike the one that they are written like,
// another takes its place.
func TestPatternIsRenewed(t *testing.T) {
	s := judgedAlike(300)
	for n := uint64(2); n <= 300; n++ {
		i := s.Incidents.Get(n)
		for k := range 100 {
			i.Lines = append(i.Lines, Line{s.At, fmt.Sprintf("line %d of those that all but the first have", k)})
		}
	}
	s.rest()
	if long, short := len(s.Incidents.resting[50].differs), len(s.Incidents.resting[300].differs); long < 1000 || short > 400 {
		t.Errorf("the 50th rests in %d bytes, the 300th in %d", long, short)
	}
}

// What was packed by another layout is passed over, as what another release wrote, and
// not read as something else.
func TestPackedByAnotherLayout(t *testing.T) {
	c, err := judgedAlike(3).Freeze().Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	defer func(was string) { layout = was }(layout)
	layout = layoutOf(reflect.TypeFor[Incident]())
	if _, err := Restore(c.State); !errors.Is(err, ErrOtherFormat) {
		t.Errorf("it is read, or refused with %v: want %v", err, ErrOtherFormat)
	}
	seen := map[string]int{}
	for n, fields := range []reflect.Type{
		reflect.TypeFor[struct{ A, B int }](), reflect.TypeFor[struct{ B, A int }](), reflect.TypeFor[struct{ A int }](),
		reflect.TypeFor[struct{ A, B uint8 }](), reflect.TypeFor[struct{ A []struct{ B int } }](), reflect.TypeFor[struct{ A [2]int }](),
		reflect.TypeFor[struct{ A [3]int }](), reflect.TypeFor[struct{ A map[string]int }](), reflect.TypeFor[struct{ A map[string]bool }](),
	} {
		l := layoutOf(fields)
		if other, there := seen[l]; there {
			t.Errorf("types %d and %d have one layout", other, n)
		}
		seen[l] = n
	}
}

// A packed state says which incidents rest and which are awake, and has none woken.
func TestPackedAsTheyRest(t *testing.T) {
	defer func(was int) { maxAwake = was }(maxAwake)
	maxAwake = 10
	s := judgedAlike(100)
	s.Incidents.Get(100).Pending = []Pending{{}}
	s.rest()
	c, err := s.Freeze().Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	read, err := Restore(c.State)
	if err != nil {
		t.Fatal(err)
	}
	if resting, awake := len(read.Incidents.resting), len(read.Incidents.awake); resting != 90 || awake != 10 || read.Incidents.awake[100] == nil {
		t.Errorf("%d rest and %d are awake, want 90 and 10, of which one is the last", resting, awake)
	}
	want, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if is, err := read.Snapshot(); err != nil || !bytes.Equal(is, want) {
		t.Errorf("%v: was %s\nis %s", err, want, is)
	}
}

// A release from before states were packed passes a packed one over, as one of a newer
// release.
func TestPackedIsOfANewerFormat(t *testing.T) {
	c, err := judgedAlike(3).Freeze().Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	var before struct{ Format int }
	if err := json.Unmarshal(c.State, &before); err != nil || before.Format != packedFormat || packedFormat <= stateFormat {
		t.Errorf("it is of format %d: %v", before.Format, err)
	}
	c.State = append(c.State[:len(c.State)-60], packedEnds...)
	if s, err := Restore(c.State); err == nil {
		t.Errorf("cut off, it is read as %d incidents", s.Incidents.Len())
	}
}
