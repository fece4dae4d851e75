package remediate

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
)

// Frozen is what a state was at one moment. It can be written down while the state
// goes on: of what either may change they have nothing in common.
type Frozen struct{ state *State }

// Freeze returns what s is now. What rests, and most of what is known of alerts, is
// shared, so that it takes little time and memory.
func (s *State) Freeze() Frozen {
	rest, f := *s, new(State)
	rest.Known, rest.Targets, rest.degraded, rest.index = nil, nil, "", index{}
	copyState(reflect.ValueOf(f).Elem(), reflect.ValueOf(&rest).Elem())
	f.Known, f.Targets, f.Incidents = maps.Clone(s.Known), maps.Clone(s.Targets), s.Incidents.copy()
	return Frozen{f}
}

// Copy returns a state of its own that is what s is now, its indexes rebuilt; the
// wakes need the rulebooks, see [State.Rewake].
func (s *State) Copy() *State {
	c := s.Freeze().state
	c.reindex()
	return c
}

// Snapshot is [State.Snapshot].
func (f Frozen) Snapshot() ([]byte, error) { return f.state.Snapshot() }

// A packed state is many values of JSON, compressed: the state without its incidents
// and what is known of alerts, each of these, a null, and each of those. So neither who
// writes it nor who reads it has all of it as JSON at once. It stands in an object that
// says of itself that it is of a format which no release before this packing reads, so
// that such a one passes it over.
const (
	packedFormat = 11
	packedBegins = `{"format":11,"packed":"`
	packedEnds   = `"}`
)

// Checkpoint returns the sealed checkpoint that stands for all records so far, its
// state packed.
func (f Frozen) Checkpoint() (Checkpoint, error) {
	var b bytes.Buffer
	b.WriteString(packedBegins)
	text := base64.NewEncoder(base64.StdEncoding, &b)
	if err := f.state.pack(text); err != nil {
		return Checkpoint{}, err
	}
	if err := text.Close(); err != nil {
		return Checkpoint{}, err
	}
	b.WriteString(packedEnds)
	return Checkpoint{Seq: f.state.Seq, At: f.state.At, Head: f.state.Head, State: bytes.Clone(b.Bytes())}.Seal(), nil
}

// pack writes the state, compressed.
func (s *State) pack(to io.Writer) error {
	w, err := flate.NewWriter(to, flate.BestSpeed)
	if err != nil {
		return err
	}
	values := json.NewEncoder(w)
	for v := range s.values() {
		if err := values.Encode(v); err != nil {
			return err
		}
	}
	return w.Close()
}

// values yields what a packed state consists of.
func (s *State) values() iter.Seq[any] {
	return func(yield func(any) bool) {
		rest := *s
		rest.Incidents, rest.Known = newIncidents(), map[AlertID]*Known{}
		if !yield(&rest) {
			return
		}
		for _, i := range s.Incidents.All() {
			if !yield(i) {
				return
			}
		}
		if !yield(nil) {
			return
		}
		for id, k := range s.Known {
			if !yield(knownAlert{id, *k}) {
				return
			}
		}
	}
}

// knownAlert is what is known of one alert, in a packed state.
type knownAlert struct {
	ID AlertID `json:"id"`
	Known
}

// packedIn is the packed state in b, false when b is none.
func packedIn(b []byte) ([]byte, bool) {
	b, begins := bytes.CutPrefix(b, []byte(packedBegins))
	b, ends := bytes.CutSuffix(b, []byte(packedEnds))
	return b, begins && ends
}

// unpack reads what pack wrote.
func (s *State) unpack(packed []byte) error {
	values := json.NewDecoder(flate.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(packed))))
	if err := values.Decode(s); err != nil {
		return err
	}
	for {
		var i *Incident
		if err := values.Decode(&i); err != nil {
			return fmt.Errorf("after %d incidents: %w", s.Incidents.Len(), err)
		}
		if i == nil {
			break
		}
		s.Incidents.read(i)
	}
	for {
		var k knownAlert
		switch err := values.Decode(&k); err {
		case nil:
			known := k.Known // without its name
			s.Known[k.ID] = &known
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("after %d known alerts: %w", len(s.Known), err)
		}
	}
}
