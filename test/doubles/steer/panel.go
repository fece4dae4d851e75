package steer

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// Prefix is the path under which a double is steered. No fault befalls requests below it.
const Prefix = "/_double/"

// Panel is the steering interface of one double:
//
//	GET  /_double/<view>           the view as {"revision": n, "items": [...]}
//	GET  /_double/<view>?after=n   the same, once there have been more than n changes
//	GET  /_double/requests         the view of every request that has arrived
//	GET  /_double/faults           the view of the faults still to come
//	POST /_double/faults           appends the JSON array of faults in the body to the script
//	POST /_double/reset            forgets everything that has happened and all faults
//	POST /_double/<action>         does what a person could do, as the JSON in the body says
type Panel struct {
	Script  *fault.Script
	Changes *Changes
	// Views are the things that can be looked at, by the last element of their path. Each returns a slice that is the
	// caller's to keep.
	Views map[string]func() any
	// Actions are the things that can be done, by the last element of their path. Each gets the body and returns what is
	// answered as JSON; its errors are the client's mistakes.
	Actions map[string]func(ctx context.Context, body []byte) (any, error)
	// Reset forgets what the double has seen; the panel resets the script itself.
	Reset func()
}

// View is the answer to a look at a double.
type View[T any] struct {
	// Revision counts the changes of the double; asking with after=Revision waits for the next one.
	Revision uint64 `json:"revision"`
	Items    []T    `json:"items"`
}

// Handler is the panel as an HTTP handler for the paths below [Prefix].
func (p Panel) Handler() http.Handler {
	mux := http.NewServeMux()
	for name, view := range p.Views {
		mux.Handle("GET "+Prefix+name, p.look(view))
	}
	for name, action := range p.Actions {
		mux.Handle("POST "+Prefix+name, act(action))
	}
	mux.Handle("GET "+Prefix+"requests", p.look(func() any { return p.Script.Requests() }))
	mux.Handle("GET "+Prefix+"faults", p.look(func() any { return p.Script.Pending() }))
	mux.HandleFunc("POST "+Prefix+"faults", p.addFaults)
	mux.HandleFunc("POST "+Prefix+"reset", p.reset)
	return mux
}

func (p Panel) look(view func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if text := r.FormValue("after"); text != "" {
			after, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				http.Error(w, "after: "+err.Error(), http.StatusBadRequest)
				return
			}
			if p.Changes.Wait(r.Context(), after) != nil {
				http.Error(w, "the double stops, or the client has hung up", http.StatusServiceUnavailable)
				return
			}
		}
		revision := p.Changes.Revision() // before the view, see Await
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"revision": revision, "items": view()}) //nolint:errcheck // as above
	}
}

func act(action func(context.Context, []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var answer any
		if err == nil {
			answer, err = action(r.Context(), body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(answer) //nolint:errcheck // as above
	}
}

// Action makes an action of a function that takes what the body is to hold, and nothing else.
func Action[T any](do func(context.Context, T) (any, error)) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, body []byte) (any, error) {
		var v T
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		return do(ctx, v)
	}
}

func (p Panel) addFaults(w http.ResponseWriter, r *http.Request) {
	var faults []fault.Fault
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&faults)
	if err == nil {
		err = p.Script.Add(faults...)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p Panel) reset(w http.ResponseWriter, _ *http.Request) {
	p.Script.Reset()
	p.Reset()
	p.Changes.Tell()
	w.WriteHeader(http.StatusNoContent)
}
