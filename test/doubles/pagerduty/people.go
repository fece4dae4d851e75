package pagerduty

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/x0tta6bl4/remediated/test/doubles/steer"
)

// Acknowledge lets the user (by ID, name or address) acknowledge the newest open incident with the dedup key.
func (a *Account) Acknowledge(key, user string) error {
	return a.act(key, user, func(i *Incident, by *Agent) string {
		if by == nil {
			return "is acknowledged by somebody or not at all"
		}
		a.set(i, Acknowledged, by)
		return ""
	})
}

// Resolve lets the user resolve it; an empty name is PagerDuty itself, which resolves what was open for too long.
func (a *Account) Resolve(key, user string) error {
	return a.act(key, user, func(i *Incident, by *Agent) string {
		a.set(i, Resolved, by)
		return ""
	})
}

// Unacknowledge takes it back from who acknowledged it, as PagerDuty does by itself after a time; user is then empty.
func (a *Account) Unacknowledge(key, user string) error {
	return a.act(key, user, func(i *Incident, by *Agent) string {
		if i.Status != Acknowledged {
			return "is not acknowledged"
		}
		a.set(i, Triggered, by)
		return ""
	})
}

// Escalate moves it to a level of its policy, as a user or, with an empty name, PagerDuty after a delay.
func (a *Account) Escalate(key, user string, level int) error {
	return a.act(key, user, func(i *Incident, by *Agent) string {
		if level < 1 || level > len(a.serviceOf(i).policy.Levels) {
			return fmt.Sprintf("has no level %d", level)
		}
		a.escalate(i, level, by)
		return ""
	})
}

// Reopen opens the newest incident with the key again, which is resolved.
func (a *Account) Reopen(key, user string) error {
	return a.act(key, user, func(i *Incident, by *Agent) string {
		if i.Status != Resolved {
			return "is not resolved"
		}
		a.set(i, Triggered, by)
		return ""
	}, Resolved)
}

// act does something to the newest incident with the key that has one of the statuses, open ones if none is given.
func (a *Account) act(key, user string, do func(*Incident, *Agent) string, statuses ...Status) error {
	defer a.changes.Tell()
	a.mu.Lock()
	defer a.mu.Unlock()
	var by *Agent
	if user != "" {
		u, ok := a.user(user)
		if !ok {
			return fmt.Errorf("there is no user %q", user)
		}
		by = u.agent()
	}
	i := a.newest(key, statuses...)
	if i == nil {
		return fmt.Errorf("there is no such incident with the key %q", key)
	}
	if problem := do(i, by); problem != "" {
		return fmt.Errorf("the incident with the key %q %s", key, problem)
	}
	return nil
}

// newest is the newest incident with the key and one of the statuses, or nil. The lock is held.
func (a *Account) newest(key string, statuses ...Status) *Incident {
	if len(statuses) == 0 {
		statuses = []Status{Triggered, Acknowledged}
	}
	for n := len(a.incidents) - 1; n >= 0; n-- {
		for _, s := range statuses {
			if i := a.incidents[n]; i.DedupKey == key && i.Status == s {
				return i
			}
		}
	}
	return nil
}

// Act is the body of a request by which another process lets a person act.
type Act struct {
	Key   string `json:"key"`
	User  string `json:"user,omitempty"`  // ID, name or address; none is PagerDuty itself
	Level int    `json:"level,omitempty"` // of escalate
}

// steerPeople adds the paths by which another process acts as a person:
//
//	POST /_double/acknowledge     {"key": "...", "user": "Anna"}
//	POST /_double/unacknowledge   {"key": "..."}
//	POST /_double/resolve         {"key": "...", "user": "Anna"}
//	POST /_double/reopen          {"key": "...", "user": "Anna"}
//	POST /_double/escalate        {"key": "...", "user": "Anna", "level": 2}
//	POST /_double/subscribe       a [Webhook]: where webhooks go from now on
//	POST /_double/ping            sends the webhook that tries a subscription
func (a *Account) steerPeople(mux *http.ServeMux) {
	for name, act := range map[string]func(Act) error{
		"acknowledge":   func(b Act) error { return a.Acknowledge(b.Key, b.User) },
		"unacknowledge": func(b Act) error { return a.Unacknowledge(b.Key, b.User) },
		"resolve":       func(b Act) error { return a.Resolve(b.Key, b.User) },
		"reopen":        func(b Act) error { return a.Reopen(b.Key, b.User) },
		"escalate":      func(b Act) error { return a.Escalate(b.Key, b.User, b.Level) },
	} {
		mux.HandleFunc("POST "+steer.Prefix+name, steered(act))
	}
	mux.HandleFunc("POST "+steer.Prefix+"subscribe", steered(func(hook Webhook) error { a.Subscribe(hook); return nil }))
	mux.HandleFunc("POST "+steer.Prefix+"ping", func(w http.ResponseWriter, _ *http.Request) {
		a.Ping()
		w.WriteHeader(http.StatusNoContent)
	})
}

// steered reads the body and does what it says.
func steered[T any](do func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body T
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		err := d.Decode(&body)
		if err == nil {
			err = do(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
