package fault_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// statuses is the status codes of requests with these bodies to path.
func statuses(h http.Handler, path string, bodies ...string) (codes []int) {
	for _, body := range bodies {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
		codes = append(codes, w.Code)
	}
	return codes
}

func TestFaultsBefallTheRequestsTheySelect(t *testing.T) {
	for name, c := range map[string]struct {
		fault  fault.Fault
		path   string
		bodies []string
		want   []int
	}{
		"whole path":         {fault.Answer("/v2/enqueue", 500), "/v2/enqueue", []string{"", ""}, []int{500, 202}},
		"longer path":        {fault.Answer("/v2/enqueue", 500), "/v2/change/enqueue", []string{""}, []int{202}},
		"last element":       {fault.Answer("chat.update", 500), "/api/chat.update", []string{""}, []int{500}},
		"part of an element": {fault.Answer("update", 500), "/api/chat.update", []string{""}, []int{202}},
		"repeated":           {fault.Answer("", 500).Repeat(2), "/", []string{"", "", ""}, []int{500, 500, 202}},
		"later":              {fault.Answer("", 500).After(1), "/", []string{"", "", ""}, []int{202, 500, 202}},
		"forever":            {fault.Answer("", 500).Repeat(fault.Forever), "/", []string{"", "", ""}, []int{500, 500, 500}},
		"by body":            {fault.Answer("", 500).For("key2"), "/", []string{"key1", "key2"}, []int{202, 500}},
		"by form value":      {fault.Answer("", 500).For("two words"), "/", []string{"text=one", "text=two+words"}, []int{202, 500}},
	} {
		t.Run(name, func(t *testing.T) {
			var c2 counter
			c2.add(t, c.fault)
			got := statuses(c2.handler(), c.path, c.bodies...)
			if len(got) != len(c.want) {
				t.Fatal(got)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("answers %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestFaultsAreTakenInOrder(t *testing.T) {
	var c counter
	c.add(t, fault.Answer("", 503), fault.Answer("", 429))
	got := statuses(c.handler(), "/", "", "", "")
	if got[0] != 503 || got[1] != 429 || got[2] != 202 {
		t.Errorf("answers %v", got)
	}
	requests := c.script.Requests()
	if len(requests) != 3 || requests[0].Fault != "status 503" || requests[2].Fault != "" {
		t.Errorf("log of requests: %+v", requests)
	}
}

func TestFaultsThatCannotBeAreRefused(t *testing.T) {
	for name, f := range map[string]fault.Fault{
		"nothing":          {},
		"two at once":      {Drop: true, LoseReply: true},
		"odd status":       {Status: 99},
		"body, no status":  {Drop: true, Body: "x"},
		"negative delay":   {Delay: -1},
		"negative skip":    {Drop: true, Skip: -1},
		"times before all": {Drop: true, Times: -2},
	} {
		var s fault.Script
		if err := s.Add(fault.Drop(""), f); err == nil {
			t.Errorf("%s: %+v was accepted", name, f)
		}
		if left := s.Pending(); len(left) != 0 {
			t.Errorf("%s: %v was added though another was refused", name, left)
		}
	}
}

func TestResetForgetsFaultsAndRequests(t *testing.T) {
	var c counter
	c.add(t, fault.Answer("", 500).Repeat(fault.Forever))
	statuses(c.handler(), "/", "")
	c.script.Reset()
	if len(c.script.Pending()) != 0 || len(c.script.Requests()) != 0 {
		t.Errorf("left: %v, %v", c.script.Pending(), c.script.Requests())
	}
	if got := statuses(c.handler(), "/", ""); got[0] != 202 {
		t.Errorf("answered %v after the reset", got)
	}
}

func TestEachFaultBefallsOneOfManyRequestsAtOnce(t *testing.T) {
	var script fault.Script
	for range 20 {
		if err := script.Add(fault.Answer("", 500)); err != nil {
			t.Fatal(err)
		}
	}
	h := script.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	codes := make(chan int, 50)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { codes <- statuses(h, "/", "")[0] })
	}
	wg.Wait()
	close(codes)
	failed := 0
	for code := range codes {
		if code == 500 {
			failed++
		}
	}
	if failed != 20 {
		t.Errorf("%d requests failed, want 20", failed)
	}
}

func TestFaultIsReadableAsJSON(t *testing.T) {
	data, err := json.Marshal(fault.Delay("chat.update", 1500*time.Millisecond))
	if err != nil || string(data) != `{"path":"chat.update","delay":"1.5s"}` {
		t.Errorf("written as %s, %v", data, err)
	}
	var f fault.Fault
	if err := json.Unmarshal(data, &f); err != nil || time.Duration(f.Delay) != 1500*time.Millisecond {
		t.Errorf("read back as %+v, %v", f, err)
	}
	if err := json.Unmarshal([]byte(`{"delay": 5}`), &f); err == nil {
		t.Error("a delay without a unit was read")
	}
}
