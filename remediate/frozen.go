package remediate

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
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

// Snapshot is [State.Snapshot].
func (f Frozen) Snapshot() ([]byte, error) { return f.state.Snapshot() }

// A packed state is two values of JSON and more, compressed: the state without its
// incidents, and each of these. So neither who writes it nor who reads it has all of it
// as JSON at once. It stands in an object that says of itself that it is of a format
// which no release before this packing reads, so that such a one passes it over.
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
	shell := *s
	shell.Incidents = newIncidents()
	values := json.NewEncoder(w)
	if err := values.Encode(&shell); err != nil {
		return err
	}
	for _, n := range s.Incidents.Numbers() {
		if err := values.Encode(s.Incidents.Look(n)); err != nil {
			return err
		}
	}
	return w.Close()
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
		i := new(Incident)
		switch err := values.Decode(i); err {
		case nil:
			s.Incidents.read(i)
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("after %d incidents: %w", s.Incidents.Len(), err)
		}
	}
}
