package pagerduty

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// object is a JSON object in an answer.
type object = map[string]any

// throttled is the answer to events that come too fast.
var throttled = object{
	"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly.  Please retry later.",
}

// restThrottled is the same of the REST API.
var restThrottled = object{"error": object{"code": 2020, "message": "Rate Limit Exceeded", "errors": []string{}}}

// RESTRateLimited refuses the next request to path with 429, as the REST API does. Some of PagerDuty's say in a header
// when to try again; see [fault.Fault.With].
func RESTRateLimited(path string) fault.Fault { return tooMany(path, restThrottled) }

// RateLimited refuses the next event sent to path (such as "/v2/enqueue"; empty for any) with 429. PagerDuty names no
// time after which to try again.
func RateLimited(path string) fault.Fault { return tooMany(path, throttled) }

func tooMany(path string, answer object) fault.Fault {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // a map of texts can be written
	}
	f := fault.Answer(path, http.StatusTooManyRequests).With("Content-Type", "application/json")
	f.Body = string(body)
	return f
}

func tooFast(w http.ResponseWriter) { writeJSON(w, http.StatusTooManyRequests, throttled) }

func refuseEvent(w http.ResponseWriter, problems []string) {
	writeJSON(w, http.StatusBadRequest, object{
		"status": "invalid event", "message": "Event object is invalid", "errors": problems,
	})
}

func writeJSON(w http.ResponseWriter, status int, answer object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the client may have hung up, which is its business
}

// makeKey is a dedup key for a trigger without one. The lock is held.
func (a *Account) makeKey() string {
	a.keys++
	return fmt.Sprintf("%032x", a.keys)
}
