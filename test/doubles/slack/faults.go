package slack

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/x0tta6bl4/remediated/test/doubles/fault"
)

// Calls of a method are selected by the method's name, as in fault.LoseReply("chat.postMessage").

// NotOK refuses the next call of the method ("chat.update"; empty for any) as Slack does: HTTP 200 with "ok": false
// and the error code. The call is not carried out.
func NotOK(method, code string) fault.Fault { return answer(method, http.StatusOK, code) }

// RateLimited refuses the next call of the method with 429 and Retry-After in whole seconds, rounded up.
func RateLimited(method string, retryAfter time.Duration) fault.Fault {
	seconds := strconv.Itoa(int(math.Ceil(retryAfter.Seconds())))
	return answer(method, http.StatusTooManyRequests, "ratelimited").With("Retry-After", seconds)
}

func answer(method string, status int, code string) fault.Fault {
	body, err := json.Marshal(object{"ok": false, "error": code})
	if err != nil {
		panic(err) // a map of a boolean and a text can be written
	}
	f := fault.Answer(method, status).With("Content-Type", "application/json; charset=utf-8")
	f.Body = string(body)
	return f
}
