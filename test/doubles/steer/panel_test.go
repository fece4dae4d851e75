package steer_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
	"github.com/x0tta6bl4/remediated/test/doubles/steer"
)

// box is the smallest double: a list that can be looked at.
type box struct {
	mu      sync.Mutex
	things  []string
	changes steer.Changes
	script  fault.Script
}

func (b *box) put(thing string) {
	b.mu.Lock()
	b.things = append(b.things, thing)
	b.mu.Unlock()
	b.changes.Tell()
}

func (b *box) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.things...)
}

func (b *box) panel() http.Handler {
	return steer.Panel{
		Script: &b.script, Changes: &b.changes,
		Views: map[string]func() any{"things": func() any { return b.all() }},
		Reset: func() { b.mu.Lock(); defer b.mu.Unlock(); b.things = nil },
	}.Handler()
}

func do(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func look(t *testing.T, h http.Handler, path string) steer.View[string] {
	t.Helper()
	var v steer.View[string]
	if err := json.Unmarshal(do(h, "GET", path, "").Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLookAndReset(t *testing.T) {
	var b box
	h := b.panel()
	b.put("one")
	if v := look(t, h, "/_double/things"); v.Revision != 1 || len(v.Items) != 1 || v.Items[0] != "one" {
		t.Errorf("saw %+v", v)
	}
	if err := b.script.Add(fault.Drop("")); err != nil {
		t.Fatal(err)
	}
	if w := do(h, "POST", "/_double/reset", ""); w.Code != http.StatusNoContent {
		t.Errorf("reset answered %d", w.Code)
	}
	if v := look(t, h, "/_double/things"); v.Items == nil || len(v.Items) != 0 || len(b.script.Pending()) != 0 {
		t.Errorf("after the reset saw %+v and faults %v", v, b.script.Pending())
	}
	if w := do(h, "GET", "/_double/nothing", ""); w.Code != http.StatusNotFound {
		t.Errorf("an unknown view answered %d", w.Code)
	}
}

func TestLookAfterWaitsForAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b box
		h := b.panel()
		b.put("one")
		seen := make(chan steer.View[string])
		go func() { seen <- look(t, h, "/_double/things?after=1") }()
		synctest.Wait()
		select {
		case v := <-seen:
			t.Fatalf("did not wait: %+v", v)
		default:
		}
		b.put("two")
		if v := <-seen; v.Revision != 2 || len(v.Items) != 2 {
			t.Errorf("saw %+v", v)
		}
	})
	var b box
	if w := do(b.panel(), "GET", "/_double/things?after=soon", ""); w.Code != http.StatusBadRequest {
		t.Errorf("a revision that is no number answered %d", w.Code)
	}
}

func TestFaultsArePosted(t *testing.T) {
	var b box
	h := b.panel()
	if w := do(h, "POST", "/_double/faults", `[{"path": "x", "drop": true}, {"delay": "2s"}]`); w.Code != http.StatusNoContent {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if left := b.script.Pending(); len(left) != 2 || !left[0].Drop || time.Duration(left[1].Delay) != 2*time.Second {
		t.Errorf("script is %+v", left)
	}
	for name, body := range map[string]string{
		"no array": `{"drop": true}`, "misspelt": `[{"dropp": true}]`, "without effect": `[{"path": "x"}]`,
	} {
		if w := do(h, "POST", "/_double/faults", body); w.Code != http.StatusBadRequest {
			t.Errorf("%s: answered %d", name, w.Code)
		}
	}
	if left := b.script.Pending(); len(left) != 2 {
		t.Errorf("a refused fault was added: %+v", left)
	}
}

func TestAwaitSeesEveryChangeAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b box
		go func() {
			for _, thing := range []string{"one", "two", "three"} {
				time.Sleep(time.Minute) // in the bubble only
				b.put(thing)
			}
		}()
		three := func(things []string) bool { return len(things) == 3 }
		if got, err := steer.Await(t.Context(), &b.changes, b.all, three); err != nil || len(got) != 3 {
			t.Errorf("saw %v, %v", got, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		never := func([]string) bool { return false }
		if got, err := steer.Await(ctx, &b.changes, b.all, never); err != context.DeadlineExceeded || len(got) != 3 {
			t.Errorf("ended with %v, %v", got, err)
		}
	})
}

func TestActionsAreDoneAndRefused(t *testing.T) {
	var b box
	type wish struct {
		Thing string `json:"thing"`
	}
	h := steer.Panel{Script: &b.script, Changes: &b.changes, Actions: map[string]func(context.Context, []byte) (any, error){
		"put": steer.Action(func(_ context.Context, w wish) (any, error) {
			if w.Thing == "" {
				return nil, errors.New("nothing to put")
			}
			b.put(w.Thing)
			return map[string]int{"things": len(b.all())}, nil
		}),
	}}.Handler()
	if w := do(h, "POST", "/_double/put", `{"thing":"one"}`); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"things":1}` {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	for name, body := range map[string]string{"refused": `{}`, "misspelt": `{"thin":"one"}`, "garbage": `x`} {
		if w := do(h, "POST", "/_double/put", body); w.Code != http.StatusBadRequest || len(b.all()) != 1 {
			t.Errorf("%s: answered %d, things %q", name, w.Code, b.all())
		}
	}
}
