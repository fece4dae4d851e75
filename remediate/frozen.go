package remediate

import (
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

// Checkpoint returns the sealed checkpoint that stands for all records so far, its
// state packed. That is for a cache: a release whose incidents have other fields does
// not read it.
func (f Frozen) Checkpoint() (Checkpoint, error) {
	b, err := f.state.packed()
	if err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{Seq: f.state.Seq, At: f.state.At, Head: f.state.Head, State: b}.Seal(), nil
}
